#pragma once

#include <string>
#include <vector>

namespace weir::internal {

/// How this program was called, to call it in the same way: its arguments and its environment, with one variable that
/// has a value of its own.
///
/// Owner: one thread. Invariant: after it is made nothing is allocated, so a forked child can use it.
class own_call {
public:
  own_call(const std::string& variable, const std::string& value);
  own_call(const own_call&) = delete; // the pointers point into it
  own_call& operator=(const own_call&) = delete;

  /// Could the arguments be read?
  bool known() const noexcept { return !words_.empty(); }
  /// Becomes the program, between fork and exec: touches nothing but the stack. Returns only if it can't.
  void make() const noexcept;

private:
  std::vector<std::string> words_;
  std::vector<std::string> words_of_environment_;
  std::vector<char*> arguments_;
  std::vector<char*> environment_;
};

} // namespace weir::internal
