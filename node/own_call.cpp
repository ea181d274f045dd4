#include <weir/node/own_call.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string_view>

#include <unistd.h>

namespace weir::internal {

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> made;
  for (auto& one : words)
    made.push_back(one.data());
  made.push_back(nullptr);
  return made;
}

} // namespace

own_call::own_call(const std::string& variable, const std::string& value) {
  std::ifstream from{"/proc/self/cmdline", std::ios::binary};
  const std::string all{std::istreambuf_iterator<char>{from}, {}};
  for (std::size_t at = 0; at < all.size();) {
    const auto end = std::min(all.find('\0', at), all.size());
    words_.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  for (char** one = environ; *one != nullptr; ++one)
    if (!std::string_view{*one}.starts_with(variable + "="))
      words_of_environment_.emplace_back(*one);
  words_of_environment_.push_back(variable + "=" + value);
  arguments_ = pointers(words_);
  environment_ = pointers(words_of_environment_);
}

void own_call::make() const noexcept {
  ::execve("/proc/self/exe", arguments_.data(), environment_.data());
}

} // namespace weir::internal
