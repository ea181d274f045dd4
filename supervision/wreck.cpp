#include <weir/mailbox/origin.hpp>
#include <weir/supervision/flight_sections.hpp>
#include <weir/supervision/flight_slot.hpp>
#include <weir/supervision/suspects.hpp>
#include <weir/supervision/wreck.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>

namespace weir::internal {

/// The beginning of a flight_slot, to be read from anywhere.
struct flight_slot_bytes {
  std::uint64_t in_hand;
  std::uint64_t failed;
  std::uint32_t failures;
  std::uint32_t reserved;
  struct range {
    std::uint64_t first;
    std::uint64_t last;
  };
  std::array<range, flight_slot::ranges_max> ranges;

  static constexpr unsigned left_out_shift = 16; // of a batch: above the number of ranges
  static constexpr std::uint64_t count_mask = (std::uint64_t{1} << left_out_shift) - 1;

  static consteval bool fit() {
    static_assert(sizeof(flight_slot_bytes) <= sizeof(flight_slot)
                      && offsetof(flight_slot_bytes, in_hand) == offsetof(flight_slot, in_hand_)
                      && offsetof(flight_slot_bytes, failed) == offsetof(flight_slot, failed_)
                      && offsetof(flight_slot_bytes, failures) == offsetof(flight_slot, failures_)
                      && offsetof(flight_slot_bytes, ranges) == offsetof(flight_slot, ranges_)
                      && sizeof(flight_slot_bytes::ranges) == sizeof(flight_slot::ranges_)
                      && offsetof(flight_slot_bytes::range, last)
                             == offsetof(flight_slot::range, last)
                      && flight_slot_bytes::left_out_shift == flight_slot::left_out_shift
                      && flight_slot::batch_bit == std::uint64_t{1} << 63U,
                  "a slot is read as it was written");
    return true;
  }
};
static_assert(flight_slot_bytes::fit());

namespace {

void read_slot(const flight_slot_bytes& slot, const recorded_pipeline& of, const std::string& stage,
               wreck& into) {
  const auto note = [&](std::vector<hand_range>& list, std::uint64_t first, std::uint64_t last,
                        std::uint32_t failures) {
    const auto from = origin::from_word(first);
    const auto to = origin::from_word(last);
    if (from.empty() || from.is_group() || to.is_group() || from.word() > to.word()
        || from.word() >> 48U != to.word() >> 48U) {
      into.damaged = true;
      return;
    }
    const auto partition = of.partitions.find(from.partition());
    if (partition == of.partitions.end()) {
      into.nameless += failures == 0 ? 1 : 0; // the runs of one that only waited are counted anew
      return;
    }
    const auto& [key, name] = partition->second;
    list.push_back({"stage '" + stage + "', " + name, flight_key(of.name, stage), key,
                    from.position(), to.position(), failures});
  };
  if ((slot.in_hand & origin{nullptr}.word()) != 0) {
    const auto count = slot.in_hand & flight_slot_bytes::count_mask;
    if (count > slot.ranges.size()) {
      into.damaged = true;
    } else {
      into.left_out += (slot.in_hand & origin::position_max) >> flight_slot_bytes::left_out_shift;
      for (std::size_t k = 0; k < count; ++k)
        note(into.in_hand, slot.ranges[k].first, slot.ranges[k].last, 0);
    }
  } else if (slot.in_hand != 0) {
    note(into.in_hand, slot.in_hand, slot.in_hand, 0);
  }
  constexpr std::uint32_t failures_sane = 1'000'000'000;
  if (slot.failed != 0 && slot.failures > 0 && slot.failures <= failures_sane)
    note(into.failed, slot.failed, slot.failed, slot.failures);
}

} // namespace

wreck read_wreck(std::string_view bytes) {
  const auto sections = sections_in(bytes);
  wreck found;
  found.damaged = sections.damaged;
  for (const auto& pipeline : sections.pipelines) {
    const auto* at = pipeline.slots.data();
    for (const auto& stage : pipeline.stages)
      for (std::uint32_t k = 0; k < stage.slots; ++k) {
        flight_slot_bytes slot{};
        std::memcpy(&slot, at, sizeof slot);
        read_slot(slot, pipeline, stage.stage, found);
        at += sizeof(flight_slot);
      }
  }
  join(found.in_hand);
  return found;
}

std::optional<hand_range> item_alone(const wreck& found) {
  if (found.nameless > 0 || !is_one_item(found.in_hand))
    return std::nullopt;
  return found.in_hand.front();
}

} // namespace weir::internal
