#include <weir/dead_letters/claim_settlement.hpp>
#include <weir/dead_letters/store_answer.hpp>

namespace weir::internal {

result<void> claim_settlement::tell_store(const std::string& who) {
  if (!to_remove_.empty()) {
    if (auto done = store_answer([&] { return queue_.replayed(to_remove_, by(who)); }); !done)
      return done;
    to_remove_.clear();
  }
  if (!to_give_back_.empty()) {
    if (auto done = store_answer([&] { return queue_.release(to_give_back_); }); !done)
      return done;
    to_give_back_.clear();
  }
  return tell_withdrawn(who);
}

/// Letters that stay for the same reason are one line of the audit.
result<void> claim_settlement::tell_withdrawn(const std::string& who) {
  while (!to_withdraw_.empty()) {
    const auto why = to_withdraw_.front().why;
    std::vector<std::uint64_t> ids;
    for (const auto& one : to_withdraw_)
      if (one.why == why)
        ids.push_back(one.id);
    if (auto done = store_answer([&] { return queue_.withdraw(ids, why, by(who)); }); !done)
      return done;
    std::erase_if(to_withdraw_, [&](const auto& one) { return one.why == why; });
  }
  return {};
}

} // namespace weir::internal
