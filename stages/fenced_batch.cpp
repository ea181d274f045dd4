#include <weir/mailbox/origin_group.hpp>
#include <weir/stages/fenced_batch.hpp>

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace weir::internal {

result<batch_without_fenced> without_fenced(acknowledgement& books, origin where, std::size_t rows,
                                            std::span<const std::string> fenced) {
  const std::span<const origin> members =
      where.is_group() ? where.group()->members() : std::span<const origin>{&where, 1};
  if (members.size() != rows)
    return fatal("partition '" + fenced.front()
                 + "' was claimed by another process, and the rows that come from it can't be left "
                   "out of a batch that a stage has changed");
  const auto named = [&](origin one) {
    return !one.empty() && !one.is_group() && !books.is_replayed(one)
           && std::ranges::find(fenced, books.partition_at(one.partition()).name()) != fenced.end();
  };
  // A partition may have been closed and opened again since, here: then it is the earlier one that is fenced.
  const bool closed_ones = std::ranges::any_of(
      members, [&](origin one) { return named(one) && books.is_given_back(one); });
  const auto is_fenced = [&](origin one) {
    return named(one) && (!closed_ones || books.is_given_back(one));
  };
  batch_without_fenced left;
  std::vector<origin> stay;
  std::vector<origin> go;
  left.rows.reserve(rows);
  for (std::size_t k = 0; k < members.size(); ++k) {
    (is_fenced(members[k]) ? go : stay).push_back(members[k]);
    if (!is_fenced(members[k]))
      left.rows.push_back(k);
  }
  if (go.empty())
    return fatal("the position store says that partition '" + fenced.front()
                 + "' was claimed by another process, but no row of the batch comes from it");
  if (!closed_ones)
    for (const auto& one : fenced)
      books.fence(one);
  if (!where.is_group()) {
    books.settle(where, outcome::returned);
    return left;
  }
  if (!stay.empty())
    left.from = books.group(std::move(stay));
  std::ignore = books.take_apart(where); // its members are in `left.from` and in `go` now
  for (const auto one : go)
    books.settle(one, outcome::returned);
  return left;
}

} // namespace weir::internal
