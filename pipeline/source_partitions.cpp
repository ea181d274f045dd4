#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/mailbox/acknowledgement.hpp>
#include <weir/pipeline/source_partitions.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <deque>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

namespace {

/// What is settled is known by the name of a partition, so two can't have the same.
void check_names(const graph& of, std::span<const std::optional<partition_opening>> partitions) {
  std::map<std::string, std::string> stage_of;
  for (std::size_t k = 0; k < partitions.size(); ++k) {
    if (!partitions[k])
      continue;
    const auto& partition = partitions[k]->from.partition;
    if (partition == acknowledgement::replay_partition_name)
      throw std::runtime_error{"stage '" + of.stages[k].name + "': '" + partition
                               + "' is the partition of what is replayed; give it another one"};
    if (const auto [other, is_new] = stage_of.try_emplace(partition, of.stages[k].name); !is_new)
      throw std::runtime_error{"stages '" + other->second + "' and '" + of.stages[k].name
                               + "' have the same partition '" + partition + "'"};
  }
}

/// A source that looks at what is known before it says where it begins.
class looking_source {
public:
  looking_source(const partition_start& starts, partition_opening& opening,
                 const pipeline_services& services)
      : starts_{starts}, opening_{opening}, services_{services} {
    look();
  }

  const std::string& remark() const { return chosen_.remark; }

  /// The partition that it chose was claimed. Where the store knew more of it than it had answered before, the source
  /// looks again, and may choose another one, which is claimed in turn.
  void begin() {
    for (unsigned round = 0; !is_as_known(opening_.from); ++round) {
      if (round == rounds_max)
        throw std::runtime_error{"partition '" + opening_.from.partition
                                 + "' is not as the position store has said"};
      claimed_.push_back(std::move(opening_.from));
      look();
      if (opening_.from.epoch == 0)
        claim();
    }
    const auto epoch = opening_.from.epoch;
    opening_.from = chosen_.from;
    opening_.from.epoch = epoch;
    if (services_.recorder != nullptr)
      opening_.key = flight_key(services_.pipeline, opening_.from.partition);
  }

private:
  static constexpr unsigned rounds_max =
      10'000; // files at one path, for a store that can't say which it knows

  void look() {
    known_.clear();
    auto begins = starts_.begins([this](const std::string& beginning) { return known(beginning); });
    if (!begins)
      throw std::runtime_error{std::move(begins.error()).message()};
    chosen_ = std::move(*begins);
    opening_.from = {.partition =
                         chosen_.from.partition}; // it is what the store knows that is compared
    for (const auto& one : claimed_)
      if (one.partition == opening_.from.partition)
        opening_.from = one;
  }

  void claim() {
    auto* const mine = &opening_;
    if (auto done = services_.claim(std::span{&mine, 1}); !done)
      throw std::runtime_error{
          std::move(done.error()).within("the partitions can't be claimed").message()};
  }

  result<std::vector<partition_point>> known(const std::string& beginning) {
    auto found = services_.positions->known(services_.pipeline, beginning);
    if (!found)
      return found;
    for (const auto& one : claimed_) {
      std::erase_if(*found, [&](const auto& old) { return old.partition == one.partition; });
      if (one.partition.starts_with(beginning))
        found->push_back(one);
    }
    known_.insert(known_.end(), found->begin(), found->end());
    return found;
  }

  /// Is this what the choice was based on?
  bool is_as_known(const partition_point& claimed) const {
    partition_point known{.partition = claimed.partition};
    for (const auto& one : known_)
      if (one.partition == claimed.partition)
        known = one;
    known.epoch = claimed.epoch;
    return known == claimed;
  }

  const partition_start& starts_;
  partition_opening& opening_;
  const pipeline_services& services_;
  partition_beginning chosen_;
  std::vector<partition_point> known_;   // that the choice is based on
  std::vector<partition_point> claimed_; // and were not as the store had said
};

/// Its positions mean nothing in another life, nor those of earlier lives in this one.
void passes(partition_opening& opening, const pipeline_services& services) {
  if (services.recorder != nullptr)
    services.recorder->suspects().begins_anew(opening.key);
  if (services.dead_letters != nullptr)
    opening.life = services.dead_letters->life();
}

} // namespace

source_partitions read_partitions(const plan& of, const pipeline_services& services) {
  const auto& stages = of.graph.stages;
  source_partitions all{.of_stages = {}, .remarks = {}};
  all.of_stages.resize(stages.size());
  std::deque<partition_start> starts; // which stay where they are
  std::deque<looking_source> looking;
  std::vector<partition_opening*> last;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    if (stages[k].kind != stage_kind::source)
      continue;
    const auto& begins = starts.emplace_back(of.stages[k].partition());
    if (begins.opened_later)
      continue;
    auto& opening = all.of_stages[k];
    opening = {.from = {.partition = begins.name, .position = begins.resume_after},
               .keeps_outcomes = begins.keeps_outcomes,
               .marks = begins.marks};
    if (services.recorder != nullptr)
      opening->key = flight_key(services.pipeline, begins.name);
    if (begins.begins && begins.lasts && services.positions)
      looking.emplace_back(begins, *opening, services);
    if (begins.lasts)
      last.push_back(&*opening);
    else
      passes(*opening, services);
  }
  check_names(of.graph, all.of_stages);
  if (auto claimed = services.claim(last); !claimed)
    throw std::runtime_error{
        std::move(claimed.error()).within("the partitions can't be claimed").message()};
  for (auto& one : looking) {
    one.begin();
    if (!one.remark().empty())
      all.remarks.push_back(one.remark());
  }
  return all;
}

} // namespace weir::internal
