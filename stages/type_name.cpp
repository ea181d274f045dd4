#include <weir/stages/type_name.hpp>

#include <cstdlib>
#include <memory>
#include <string_view>

#include <cxxabi.h>

namespace weir::internal {

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
  std::string name = status == 0 ? readable.get() : type.name();
  // The library's inline namespaces say nothing to a reader.
  for (const std::string_view noise : {"std::__cxx11::", "[abi:cxx11]"})
    for (auto at = name.find(noise); at != std::string::npos; at = name.find(noise))
      name.replace(at, noise.size(), noise.starts_with("std") ? "std::" : "");
  for (auto at = name.find(" >"); at != std::string::npos; at = name.find(" >"))
    name.erase(at, 1);
  const std::string_view long_string =
      "std::basic_string<char, std::char_traits<char>, std::allocator<char>>";
  for (auto at = name.find(long_string); at != std::string::npos; at = name.find(long_string))
    name.replace(at, long_string.size(), "std::string");
  return name;
}

} // namespace weir::internal
