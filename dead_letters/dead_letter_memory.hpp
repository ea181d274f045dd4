#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace weir::dead_letters {

/// Keeps dead letters in memory, at most `capacity` of them. A full store refuses: the stage that wants to
/// dead-letter waits, nothing is dropped. For tests, and for pipelines whose input can be read again.
/// Copies share what they keep, so that one copy can be given away and the other looked into; each claims for
/// itself. Of the audit the last audit_max lines are kept.
class memory final : public dead_letter_queue {
public:
  static constexpr std::size_t audit_max = 1000;

  explicit memory(std::size_t capacity = 1000);
  memory(const memory& other);
  memory& operator=(const memory& other);
  ~memory() override;

  result<void> put(std::span<const dead_letter> letters) override;

  result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::size_t max,
                                          const dead_letter_cursor& after = {}) override;
  result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter) override;
  result<void> edit(std::uint64_t id, std::string payload, const done_by& by) override;
  result<replay_request> request_replay(const dead_letter_filter& filter, const replay_terms& terms,
                                        const done_by& by) override;
  result<std::uint64_t> cancel_replay(const dead_letter_filter& filter, const done_by& by) override;
  result<std::vector<dead_letter>> claim_requested(const dead_letter_filter& filter,
                                                   std::size_t max) override;
  result<void> release(std::span<const std::uint64_t> ids) override;
  result<void> withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                        const done_by& by) override;
  result<void> replayed(std::span<const std::uint64_t> ids, const done_by& by) override;
  result<std::uint64_t> purge(const dead_letter_filter& filter, const done_by& by) override;
  result<void> note(const dead_letter_audit& line) override;
  result<std::vector<dead_letter_audit>> audit(std::uint64_t after, std::size_t max) override;

  bool outlives_process() const override { return false; }

  /// A copy of what is kept, in the order of arrival. Any thread.
  std::vector<dead_letter> letters() const;
  /// Makes room: forgets all letters, without a line in the audit. Any thread.
  void clear();

private:
  struct shelf;
  struct claimant;

  std::shared_ptr<shelf> kept_;        // with all copies
  std::shared_ptr<claimant> claimant_; // lives as long as this object
};

} // namespace weir::dead_letters
