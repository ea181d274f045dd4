#include <weir/stages/settle_members.hpp>

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/stages/worker.hpp>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weir::internal {

namespace {

/// The members of a batch, and how each of them ends.
///
/// A batch may have been one item: it was made by a stage, or replayed. Or a stage between has changed it: then its
/// rows are no longer those of the members, a row that is rejected is dead-lettered without a position, and as many
/// members end as dead letters.
class members_of_batch {
public:
  members_of_batch(const rows_of_batch& rows, origin where, worker& self)
      : rows_{rows},
        where_{where},
        self_{self},
        members_{where.is_group() ? where.group()->members() : std::span<const origin>{&where_, 1}},
        how_(members_.size(), outcome::acknowledged) {}
  members_of_batch(const members_of_batch&) = delete;
  members_of_batch& operator=(const members_of_batch&) = delete;

  /// Makes the dead letters. If it throws, it has made none.
  void reject(std::vector<rejected_item>& rejected, const item_trouble& trouble);
  void filter(const std::vector<std::size_t>& filtered);
  /// Settles all but what became dead letters.
  void settle();

private:
  bool same() const { return members_.size() == rows_.size; }
  letter_of what_letters_are() const {
    return same()                 ? letter_of::whole_item
           : members_.size() == 1 ? letter_of::part_of_item
                                  : letter_of::stranger;
  }
  origin settled_by_letter(std::size_t member);
  void take_back() noexcept;

  const rows_of_batch& rows_;
  const origin where_;
  worker& self_;
  std::vector<origin> apart_; // of a group
  std::span<const origin> members_;
  std::vector<outcome> how_;
  std::size_t letters_ = 0;
  std::uint32_t shares_ = 0; // of the last member, beside the one that every member has
};

void members_of_batch::reject(std::vector<rejected_item>& rejected, const item_trouble& trouble) {
  try {
    std::vector<bool> seen(rows_.size, false);
    std::size_t next_member = 0;
    for (auto& one : rejected) {
      if (seen[one.index])
        continue;
      seen[one.index] = true;
      auto mine = trouble;
      self_.count_failure(one.why, mine);
      const auto settles = settled_by_letter(same() ? one.index : next_member++);
      self_.letters().add(settles, rows_.payload(rows_.batch, one.index), rows_.type,
                          std::move(one.why), mine, what_letters_are());
      ++letters_;
    }
    if (where_.is_group())
      members_ = apart_ = self_.books().take_apart(where_); // from here on nothing throws
  } catch (...) {
    take_back();
    throw;
  }
}

/// What the dead-letter actor settles once the letter is stored.
origin members_of_batch::settled_by_letter(std::size_t member) {
  if (member < members_.size()) {
    how_[member] = outcome::dead_lettered;
    return members_[member];
  }
  if (members_.empty())
    return {};
  // More rows than members: the last one is settled with all of their letters.
  self_.books().share(members_.back(), 1);
  ++shares_;
  return members_.back();
}

void members_of_batch::take_back() noexcept {
  self_.letters().take_back(letters_);
  for (; shares_ > 0; --shares_)
    self_.books().settle(members_.back(), outcome::filtered);
}

void members_of_batch::filter(const std::vector<std::size_t>& filtered) {
  if (!same())
    return;
  for (const auto index : filtered)
    if (how_[index] == outcome::acknowledged)
      how_[index] = outcome::filtered;
}

void members_of_batch::settle() {
  for (const auto kind : {outcome::acknowledged, outcome::filtered}) {
    batched_settlement settlement{self_.books(), kind};
    for (std::size_t k = 0; k < members_.size(); ++k)
      if (how_[k] == kind)
        settlement.add(members_[k]);
  }
}

} // namespace

void settle_members(const rows_of_batch& rows, origin where, batch_outcome& came_of_it,
                    const item_trouble& trouble, worker& self) {
  members_of_batch members{rows, where, self};
  members.reject(came_of_it.rejected, trouble);
  members.filter(came_of_it.filtered);
  members.settle();
}

} // namespace weir::internal
