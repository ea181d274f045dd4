#include <weir/connectors/http/credentials.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t secret_max = 64 * 1024; // bytes: longer ones are no header

result<std::string> contents(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text(secret_max + 1, '\0');
  errno = 0;
  if (!file || (file.read(text.data(), static_cast<std::streamsize>(text.size())), file.bad()))
    return poison("the file '" + path + "' can't be read: " + std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.ends_with('\n'))
    text.pop_back();
  if (text.ends_with('\r'))
    text.pop_back();
  return text;
}

result<std::string> variable(const std::string& name) {
  const auto* const value = std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): nobody sets
  if (value == nullptr)
    return poison("the variable '" + name + "' is not in the environment");
  return std::string{value};
}

} // namespace

result<std::string> secret_of(const credentials& of) {
  if (!of.file.empty() && !of.variable.empty())
    return poison("a secret is in a file or in the environment, not in both");
  if (of.none())
    return poison("there is a user, but neither a file nor a variable for the secret");
  auto secret = of.file.empty() ? variable(of.variable) : contents(of.file);
  if (!secret)
    return secret;
  const auto place =
      of.file.empty() ? "the variable '" + of.variable + "'" : "the file '" + of.file + "'";
  if (secret->empty())
    return poison(place + " is empty");
  if (secret->size() > secret_max)
    return poison(place + " is too long for a secret");
  if (std::ranges::any_of(*secret, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || byte == 0x7F;
      }))
    return poison("there is a line end or another control character in " + place);
  return secret;
}

} // namespace weir::http
