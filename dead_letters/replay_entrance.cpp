#include <weir/dead_letters/replay_entrance.hpp>
#include <weir/dead_letters/store_answer.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>

namespace weir::internal {

replay_entrance::replay_entrance(const std::string& pipeline, dead_letter_queue& queue,
                                 acknowledgement& books, flight_recorder* recorder,
                                 const std::vector<replay_stage>& stages,
                                 replays_in_flight& in_flight)
    : pipeline_{pipeline},
      queue_{queue},
      books_{books},
      recorder_{recorder},
      recorded_partition_{flight_key(pipeline, acknowledgement::replay_partition_name)},
      stages_{stages},
      in_flight_{in_flight} {}

replay_entrance::entry replay_entrance::put_in(const dead_letter& letter, bool check_type) {
  const auto unreadable = [](std::string why) {
    return entry{answer::stays, std::move(why), &replay_outcome::unreadable};
  };
  const auto to = std::ranges::find(stages_, letter.stage, &replay_stage::name);
  if (to == stages_.end())
    return unreadable("the pipeline has no stage '" + letter.stage + "'");
  if (!to->inlet)
    return unreadable(to->input.empty() ? "stage '" + letter.stage + "' takes no items"
                                        : "stage '" + letter.stage + "' can't read its items, "
                                              + to->input + ", from a payload");
  if (to->closed)
    return {answer::too_late};
  if (auto waits = waits_for_its_key(letter))
    return *std::move(waits);
  if (auto waits = waits_for_keys_behind(*to))
    return *std::move(waits);
  return put_before(static_cast<std::size_t>(to - stages_.begin()), letter, check_type);
}

/// An earlier letter of its key stays, perhaps because nobody asked for its replay.
std::optional<replay_entrance::entry>
replay_entrance::waits_for_its_key(const dead_letter& letter) {
  if (letter.key.empty())
    return std::nullopt;
  auto first = store_answer([&] {
    return queue_.select({.pipeline = pipeline_, .stage = letter.stage, .key = letter.key}, 1);
  });
  if (!first)
    return entry{answer::later, first.error().message()};
  if (first->empty() || first->front().id == letter.id)
    return std::nullopt;
  return entry{answer::stays, "an earlier letter of its key stays", &replay_outcome::held_back};
}

std::optional<replay_entrance::entry>
replay_entrance::waits_for_keys_behind(const replay_stage& to) const {
  for (const auto behind : to.keyed_behind)
    if (stages_[behind].keys->full())
      return entry{answer::stays,
                   "stage '" + stages_[behind].name
                       + "' behind it has as many letters as it may have",
                   &replay_outcome::held_back};
  return std::nullopt;
}

replay_entrance::entry replay_entrance::put_before(std::size_t stage, const dead_letter& letter,
                                                   bool check_type) {
  auto& inlet = *stages_[stage].inlet;
  const auto admitted = [&] { return admit(stage, letter); };
  for (;;) {
    auto answered = inlet.put(letter, check_type, admitted);
    if (!answered)
      return {answer::stays, answered.error().message(), &replay_outcome::unreadable};
    if (*answered)
      return {answer::put};
    auto& full = inlet.blocked_on();
    full.announce_producer_waiting();
    if (!full.producer_may_go_on())
      return {answer::no_credit};
    full.withdraw_producer_waiting();
  }
}

origin replay_entrance::admit(std::size_t stage, const dead_letter& letter) {
  in_flight_.add({.id = letter.id,
                  .stage = stage,
                  .source = letter.source,
                  .position = letter.position,
                  .part = letter.part,
                  .replay_count = letter.replay_count,
                  .key = letter.key});
  if (recorder_ != nullptr)
    recorder_->suspects().comes_again(recorded_partition_, letter.id);
  return books_.admit_replayed(letter.id);
}

} // namespace weir::internal
