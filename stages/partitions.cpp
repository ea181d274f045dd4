#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/position_store.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

namespace weir {

internal::partition& partitions::at(partition_id which) const {
  internal::require(open_.contains(which), "partitions: this partition is not open in this source");
  return services_.books.partition_at(which.index);
}

void partitions::add(partition_id which) {
  open_[which] = {.settled = services_.books.partition_at(which.index).last_admitted()};
}

// --- opening and closing -----------------------------------------------------------------------------

result<partition_id> partitions::open(std::string name, std::uint64_t resume_after) {
  internal::partition_opening how{.from = {.partition = std::move(name), .position = resume_after},
                                  .source = &source_};
  try {
    auto opened = services_.open_partition(std::move(how));
    if (!opened)
      return std::move(opened.error());
    const partition_id made{*opened};
    add(made);
    return made;
  } catch (...) {
    return describe_current_exception();
  }
}

void partitions::close(partition_id which, time_point deadline) {
  auto& one = at(which);
  one.begin_close();
  if (!std::exchange(open_[which].close_by, deadline))
    closing_.push_back(which);
  source_.wake();
}

void partitions::finish(partition_id which) {
  auto& one = at(which);
  const bool fenced = one.fenced();
  one.begin_close();
  auto given_back = services_.books.give_back(which.index);
  if (services_.positions && one.epoch() != 0 && !fenced)
    store(given_back.settled);
  if (services_.dead_letters != nullptr)
    services_.dead_letters->partition_closed(one.lasting_name());
  if (services_.recorder != nullptr) {
    services_.recorder->suspects().settled(one.key(), given_back.settled.position);
    services_.recorder->suspects().closed(one.key());
  }
  closed_.push_back({which, std::move(given_back.settled), given_back.returned, fenced});
  std::erase(closing_, which);
  open_.erase(which);
}

/// What is not stored here is read again, by who opens the partition next.
void partitions::store(const partition_point& last) {
  try {
    std::ignore = services_.positions->store(services_.pipeline, std::span{&last, 1});
  } catch (...) {
    std::ignore = describe_current_exception();
  }
}

void partitions::look(time_point now) {
  if (const auto fences = services_.books.fences(); fences != fences_seen_) {
    fences_seen_ = fences;
    for (const auto which : all())
      if (at(which).fenced())
        finish(which);
  }
  for (const auto which : std::vector{closing_}) {
    auto& one = at(which);
    if (*open_[which].close_by <= now || !one.call_when_at_rest(source_))
      finish(which);
  }
}

std::vector<closed_partition> partitions::take_closed() {
  for (const auto& one : closed_)
    services_.books.partitions().forget(one.id.index);
  return std::exchange(closed_, {});
}

// --- what is known of them ---------------------------------------------------------------------------

std::vector<partition_id> partitions::all() const {
  std::vector<partition_id> ids;
  ids.reserve(open_.size());
  for (const auto& [id, one] : open_)
    ids.push_back(id);
  return ids;
}

const std::string& partitions::name(partition_id which) const { return at(which).name(); }
const std::string& partitions::lasting_name(partition_id which) const {
  return at(which).lasting_name();
}
bool partitions::closing(partition_id which) const {
  return at(which).now_is() != internal::partition::state::open;
}

std::uint64_t partitions::settled(partition_id which) {
  auto& one = at(which);
  if (wake_count_ > 0)
    one.call_when_settled(source_, wake_count_);
  // From the fence on, rows are returned, which must not be committed.
  const auto prefix = one.prefix();
  auto& known = open_[which].settled;
  if (!one.fenced())
    known = prefix;
  return known;
}

partition_point partitions::point(partition_id which) const { return at(which).point(); }
std::uint64_t partitions::last_position(partition_id which) const {
  return at(which).last_admitted();
}
std::uint64_t partitions::in_flight(partition_id which) const { return at(which).in_flight(); }
std::optional<outcome> partitions::outcome_of(partition_id which, std::uint64_t position) const {
  return at(which).outcome_of(position);
}

bool partitions::at_rest() {
  bool rests = true;
  for (const auto& [which, state] : open_) {
    rests = !at(which).call_when_at_rest(source_) && rests;
  }
  return rests;
}

// --- news --------------------------------------------------------------------------------------------

void partitions::wake_when_settled(std::uint64_t count, std::chrono::nanoseconds within) {
  wake_count_ = count;
  wake_within_ = within;
  news_at_.reset();
}

std::optional<time_point> partitions::next_look(time_point now, bool put) {
  if (news_at_ && *news_at_ <= now)
    news_at_.reset();
  if (wake_count_ > 0 && !news_at_ && put)
    news_at_ = now + wake_within_;
  auto next = news_at_;
  for (const auto which : closing_)
    if (const auto by = *open_[which].close_by; !next || by < *next)
      next = by;
  return next;
}

} // namespace weir
