#pragma once

#include "other_member.hpp"

#include <weir/actors/clock.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/supervision/failure.hpp>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

struct broker_options {
  std::string store;
  std::uint64_t records = 200'000;
  std::uint64_t seed = 1;
  std::uint64_t moves = 400;          ///< how often a partition is taken away, in all
  std::chrono::milliseconds pause{3}; ///< between two of them
};

/// What became of one partition in this run.
struct partition_tally {
  std::uint64_t opened = 0;
  std::uint64_t revoked = 0;   ///< taken away with notice: to be closed by a deadline
  std::uint64_t claimed = 0;   ///< by the other member, with or without notice
  std::uint64_t fenced = 0;    ///< closed because of that
  std::uint64_t returned = 0;  ///< records that were given back when it was closed
  std::uint64_t left_out = 0;  ///< records that were stored beyond the position it was opened at
  std::uint64_t elsewhere = 0; ///< records that the other member stored
};

/// Says who has which partition, and changes its mind all the time. It either tells our source to close one until a
/// deadline, or lets the other member claim it, of which our source learns from the position store. It mentions that
/// only later, for where there is nothing left to store nobody would learn it. A partition that is read to its end is
/// left in peace, and after so many moves all of them are.
///
/// Owner: the source asks and tells; the moves are made on a thread of its own, which wakes the source after each.
/// Invariant: a partition that the source was told to open is its own until it says that it was given back.
class broker {
public:
  explicit broker(broker_options options);

  /// Wakes the source as long as this lives.
  class listening {
  public:
    listening(broker& to, weir::waker& source);
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;
    ~listening();

  private:
    broker& to_;
  };

  enum class order { none, open, close };
  struct told {
    order what = order::none;
    weir::clock::time_point by = {}; ///< the deadline of a close
  };
  /// Of each partition. `open` is said once, and answered.
  std::array<told, partitions_count> look();

  void opened(std::size_t partition, std::uint64_t left_out);
  void not_opened(std::size_t partition);
  void given_back(const weir::closed_partition& one);
  /// All of it is settled here. False if it is not the source's any more, which it does not know yet.
  bool finish(std::size_t partition);
  bool all_finished() const;

  std::array<partition_tally, partitions_count> tallies() const;
  /// What went wrong beyond repair; empty if nothing did.
  std::string trouble() const;
  const broker_options& options() const { return options_; }

private:
  struct assignment {
    bool open_here = false; // or being opened
    bool elsewhere = false; // the other member is at it
    bool lost = false;      // it was claimed since it was opened here
    bool finished = false;
    std::optional<weir::clock::time_point> close_by = {};     // it was revoked
    std::optional<weir::clock::time_point> mentioned_at = {}; // that it is lost
    weir::clock::time_point back_at = {};                     // then it may be opened here
    partition_tally tally = {};
  };

  void run(const std::stop_token& stop);
  void move(std::unique_lock<std::mutex>& lock);
  void claim(assignment& one, std::size_t partition, std::unique_lock<std::mutex>& lock);
  std::chrono::milliseconds drawn(std::uint64_t max);

  const broker_options options_;
  other_member other_; // the thread's
  mutable std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::mt19937_64 random_;
  std::array<assignment, partitions_count> all_;
  weir::waker* source_ = nullptr; // null: nobody reads, and nothing is moved
  std::uint64_t moved_ = 0;
  std::string trouble_;
  std::jthread thread_; // ends first
};
