#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/flight_name.hpp>
#include <weir/supervision/flight_sections.hpp>
#include <weir/supervision/flight_slot.hpp>
#include <weir/supervision/suspects.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace weir::internal {

using namespace flight_file;

namespace {

/// A section whose head is sound.
struct sound_section {
  section head;
  std::string_view names;
  std::string_view entries;
};

std::optional<sound_section> section_at(std::string_view bytes) {
  section head{};
  std::memcpy(&head, bytes.data(), sizeof head);
  const auto left = bytes.size();
  const auto entry = head.kind == section_kind::slots ? sizeof(flight_slot) : sizeof(flight_name);
  const auto entries_size = std::uint64_t{head.entries} * entry;
  if (head.size > left || head.size % page != 0 || head.size == 0 || head.names_size > left
      || head.entries_offset > left || head.entries_offset < sizeof(section) + head.names_size
      || entries_size > left || head.entries_offset + entries_size > head.size)
    return std::nullopt;
  const auto names = bytes.substr(sizeof(section), head.names_size);
  if (head.checksum != checksum_of(head, names))
    return std::nullopt;
  return sound_section{head, names, bytes.substr(head.entries_offset, entries_size)};
}

bool add_pipeline(const sound_section& from, std::uint64_t at, flight_sections& into) {
  auto names = names_in(from.names, from.head.entries);
  if (!names)
    return false;
  recorded_pipeline made{.at = at,
                         .name = std::move(names->pipeline),
                         .stages = std::move(names->stages),
                         .partitions = {},
                         .slots = from.entries};
  std::uint32_t index = 0;
  for (auto& one : names->partitions) {
    const auto key = flight_key(made.name, one);
    made.partitions.emplace(index++, recorded_partition{key, std::move(one)});
  }
  into.pipelines.push_back(std::move(made));
  return true;
}

bool add_names(const sound_section& from, flight_sections& into) {
  const auto of = std::ranges::find(into.pipelines, from.head.pipeline, &recorded_pipeline::at);
  if (of == into.pipelines.end())
    return false;
  for (std::uint32_t k = 0; k < from.head.entries; ++k) {
    flight_name name;
    std::memcpy(&name, from.entries.data() + k * sizeof name, sizeof name);
    const auto index = from.head.first + k;
    if (name.is_sound(index))
      of->partitions.insert_or_assign(index, recorded_partition{name.key, text_of(name.text)});
    else if (!name.was_never_written())
      of->partitions.erase(index);
  }
  return true;
}

} // namespace

flight_sections sections_in(std::string_view bytes) {
  flight_sections found;
  for (auto at = front_size; at + sizeof(section) <= bytes.size();) {
    const auto rest = bytes.substr(at);
    if (std::ranges::all_of(rest.substr(0, sizeof(section)), [](char one) { return one == '\0'; }))
      break; // the process died as it made one
    const auto one = section_at(rest);
    const bool sound = one
                       && ((one->head.kind == section_kind::slots && add_pipeline(*one, at, found))
                           || (one->head.kind == section_kind::names && add_names(*one, found)));
    if (!sound) {
      found.damaged = true;
      break;
    }
    at += one->head.size;
  }
  return found;
}

} // namespace weir::internal
