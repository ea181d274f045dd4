#pragma once

#include <string_view>

namespace weir {

/// Where a child of a supervisor is in its life: the states of supervisor_state, which decides by this table.
///
/// | child's state \ event | exited                   | started | terminate   | time                     |
/// |-----------------------|--------------------------|---------|-------------|--------------------------|
/// | down                  | –                        | –       | –           | –                        |
/// | starting              | by why it was started    | running | → stopping  | –                        |
/// | running               | charge, then by strategy | –       | → stopping  | –                        |
/// | stopping              | → restarting, down, gone | –       | → then down | order, kill, abandon     |
/// | restarting            | –                        | –       | → down, gone| → starting               |
/// | ended                 | –                        | –       | –           | –                        |
enum class child_now { down, starting, running, stopping, restarting, ended };

std::string_view to_string(child_now state) noexcept;

} // namespace weir
