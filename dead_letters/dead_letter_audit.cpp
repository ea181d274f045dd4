#include <weir/dead_letters/dead_letter_audit.hpp>
#include <weir/dead_letters/dead_letter_words.hpp>

#include <utility>

namespace weir {

dead_letter_audit failed_again(const dead_letter& letter) {
  return {.number = 0,
          .at = letter.last_failed_at,
          .who = "pipeline " + letter.pipeline,
          .what = "failed again",
          .about = internal::ids_text({&letter.id, 1}),
          .outcome = "replayed " + std::to_string(letter.replay_count)
                     + (letter.replay_count == 1 ? " time, " : " times, ")
                     + std::to_string(letter.attempts) + " attempts"};
}

dead_letter_audit replay_asked(const dead_letter_filter& filter, const replay_terms& terms,
                               const replay_request& answer, const done_by& by) {
  return {0,
          by.at,
          by.who,
          "replay",
          filter.text() + (terms.forced ? ", forced" : ""),
          to_string(answer)};
}

dead_letter_audit replay_cancelled(const dead_letter_filter& filter, std::uint64_t letters,
                                   const done_by& by) {
  return {0, by.at, by.who, "cancel", filter.text(), internal::letters_text(letters) + " kept"};
}

dead_letter_audit edited(const dead_letter& before, const std::string& payload, const done_by& by) {
  auto outcome = "payload of " + std::to_string(before.payload.size()) + " bytes replaced by "
                 + std::to_string(payload.size()) + " bytes";
  if (before.replay_count > 0)
    outcome += ", after " + std::to_string(before.replay_count) + " replays";
  return {0,
          by.at,
          by.who,
          "edit",
          internal::ids_text({&before.id, 1}),
          std::move(outcome),
          before.payload};
}

dead_letter_audit withdrawn(std::span<const std::uint64_t> ids, std::uint64_t kept,
                            const std::string& why, const done_by& by) {
  return {0,
          by.at,
          by.who,
          "withdrawn",
          internal::ids_text(ids),
          internal::letters_text(kept) + " kept: " + why};
}

dead_letter_audit gone_through(std::span<const std::uint64_t> ids, std::uint64_t removed,
                               const done_by& by) {
  return {0,
          by.at,
          by.who,
          "replayed",
          internal::ids_text(ids),
          internal::letters_text(removed) + " removed"};
}

dead_letter_audit purged(const dead_letter_filter& filter, std::uint64_t removed,
                         const done_by& by) {
  return {0, by.at, by.who, "purge", filter.text(), internal::letters_text(removed) + " removed"};
}

} // namespace weir
