#pragma once

#include <weir/dead_letters/dead_letter_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir_test {

/// A store whose calls go wrong while the test says so: `trouble` gets the name of the call, and may throw.
class troubled_queue final : public weir::dead_letter_queue {
public:
  using letters = std::vector<weir::dead_letter>;

  explicit troubled_queue(weir::dead_letters::memory good) : good_{std::move(good)} {}

  std::function<weir::result<void>(std::string_view call)> trouble;

  weir::result<void> put(std::span<const weir::dead_letter> all) override { return good_.put(all); }
  weir::result<letters> select(const weir::dead_letter_filter& filter, std::size_t max,
                               const weir::dead_letter_cursor& after = {}) override {
    return unless<letters>("select", [&] { return good_.select(filter, max, after); });
  }
  weir::result<std::vector<weir::dead_letter_count>>
  histogram(const weir::dead_letter_filter& filter) override {
    return good_.histogram(filter);
  }
  weir::result<void> edit(std::uint64_t id, std::string payload, const weir::done_by& by) override {
    return good_.edit(id, std::move(payload), by);
  }
  weir::result<weir::replay_request> request_replay(const weir::dead_letter_filter& filter,
                                                    const weir::replay_terms& terms,
                                                    const weir::done_by& by) override {
    return unless<weir::replay_request>(filter.key ? "follow" : "request",
                                        [&] { return good_.request_replay(filter, terms, by); });
  }
  weir::result<std::uint64_t> cancel_replay(const weir::dead_letter_filter& filter,
                                            const weir::done_by& by) override {
    return good_.cancel_replay(filter, by);
  }
  weir::result<letters> claim_requested(const weir::dead_letter_filter& filter,
                                        std::size_t max) override {
    return unless<letters>("claim", [&] { return good_.claim_requested(filter, max); });
  }
  weir::result<void> release(std::span<const std::uint64_t> ids) override {
    return unless<void>("release", [&] { return good_.release(ids); });
  }
  weir::result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const weir::done_by& by) override {
    return unless<void>("withdraw", [&] { return good_.withdraw(ids, why, by); });
  }
  weir::result<void> replayed(std::span<const std::uint64_t> ids,
                              const weir::done_by& by) override {
    return unless<void>("replayed", [&] { return good_.replayed(ids, by); });
  }
  weir::result<std::uint64_t> purge(const weir::dead_letter_filter& filter,
                                    const weir::done_by& by) override {
    return good_.purge(filter, by);
  }
  weir::result<void> note(const weir::dead_letter_audit& line) override { return good_.note(line); }
  weir::result<std::vector<weir::dead_letter_audit>> audit(std::uint64_t after,
                                                           std::size_t max) override {
    return good_.audit(after, max);
  }
  bool outlives_process() const override { return false; }

private:
  template <class T, class Call>
  weir::result<T> unless(std::string_view name, Call call) {
    if (trouble)
      if (auto well = trouble(name); !well)
        return std::move(well.error());
    return call();
  }

  weir::dead_letters::memory good_;
};

} // namespace weir_test
