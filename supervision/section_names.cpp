#include <weir/supervision/section_names.hpp>

#include <cstring>

namespace weir::internal {

namespace {

void put_number(std::string& into, std::uint32_t number) {
  into.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_name(std::string& into, const std::string& name) {
  put_number(into, static_cast<std::uint32_t>(name.size()));
  into += name;
}

/// Reads names and numbers that may be anything.
class names_reader {
public:
  explicit names_reader(std::string_view bytes) : rest_{bytes} {}

  bool number(std::uint32_t& into) {
    if (rest_.size() < sizeof into)
      return false;
    std::memcpy(&into, rest_.data(), sizeof into);
    rest_.remove_prefix(sizeof into);
    return true;
  }
  bool name(std::string& into) {
    std::uint32_t size = 0;
    if (!number(size) || size > rest_.size())
      return false;
    into = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

private:
  std::string_view rest_;
};

} // namespace

std::string bytes_of_names(const std::string& pipeline, std::span<const stage_hands> stages,
                           std::span<const std::string> partitions) {
  std::string names;
  put_name(names, pipeline);
  put_number(names, static_cast<std::uint32_t>(stages.size()));
  for (const auto& one : stages) {
    put_name(names, one.stage);
    put_number(names, one.slots);
  }
  put_number(names, static_cast<std::uint32_t>(partitions.size()));
  for (const auto& one : partitions)
    put_name(names, one);
  return names;
}

std::optional<section_names> names_in(std::string_view bytes, std::uint32_t slots) {
  section_names names;
  names_reader from{bytes};
  std::uint32_t count = 0;
  if (!from.name(names.pipeline) || !from.number(count))
    return std::nullopt;
  std::uint64_t sum = 0;
  for (; count > 0; --count) {
    auto& one = names.stages.emplace_back();
    if (!from.name(one.stage) || !from.number(one.slots))
      return std::nullopt;
    sum += one.slots;
  }
  if (!from.number(count) || sum != slots)
    return std::nullopt;
  for (; count > 0; --count)
    if (!from.name(names.partitions.emplace_back()))
      return std::nullopt;
  return names;
}

} // namespace weir::internal
