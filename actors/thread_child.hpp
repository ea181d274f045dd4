#pragma once

#include <weir/supervision/child_spec.hpp>

#include <functional>
#include <stop_token>
#include <string>

namespace weir {

/// A child that is a function on a thread of its own: for code that blocks. It has started when its thread
/// has, stops when its token says so and it looks, and ends when it returns: with a value it was normal, else,
/// or by an exception, it failed.
///
/// A thread can't be killed. One that doesn't look at its token in time is abandoned: it runs on, detached,
/// with its own copy of `run`; so whatever `run` refers to must outlive the process's last such thread.
start_function thread_child(std::function<result<void>(std::stop_token)> run);

} // namespace weir
