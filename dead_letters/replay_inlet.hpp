#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/mailbox/spread.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir::internal {

/// The rings through which dead letters come back to one stage: a small one for each of its workers, beside
/// those from the stages before it.
struct replay_ports {
  std::vector<std::shared_ptr<ring_base>> rings;
  spread how = spread::any;
  std::shared_ptr<const void> key; ///< of by_key: see outlet_ports
};

/// Makes items of dead letters again and puts them before one stage. The typed part of the replay.
///
/// Owner: the replay actor, which is the only producer of its rings.
class replay_inlet {
public:
  /// Items that may wait for one worker, beside its mailbox_capacity.
  static constexpr std::size_t capacity = 16;

  explicit replay_inlet(replay_ports where);
  replay_inlet(const replay_inlet&) = delete;
  replay_inlet& operator=(const replay_inlet&) = delete;
  virtual ~replay_inlet();

  /// Called between the decision that an item goes in and its going in: gives it its origin.
  using admit = std::function<origin()>;

  /// Puts the item in, or says that there is no credit now (false: `blocked_on` is the ring that has none), or
  /// that the payload is no item of this stage.
  virtual result<bool> put(const dead_letter& letter, bool check_type, const admit& admitted) = 0;

  ring_base& blocked_on() const;
  std::span<const std::shared_ptr<ring_base>> rings() const;
  void close();

protected:
  /// Which worker gets it: as the stage before would have decided. Behind key_by only the lane that it had
  /// is right, which nothing tells: the letters of one key, or else of one position, stay together.
  std::size_t choose_by_letter(const dead_letter& letter);
  std::size_t choose_by_key(std::size_t hash);
  static failure wrong_type(const dead_letter& letter, const std::string& expected);

  const replay_ports where_;

private:
  std::size_t chosen_ = 0; // of the item that was put last
};

} // namespace weir::internal
