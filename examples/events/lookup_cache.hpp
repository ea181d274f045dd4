#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

/// Answers by key, at most `capacity` of them, each for `lifetime`; the one that was used least recently goes
/// first. Owner: one thread.
class lookup_cache {
public:
  using time_point = std::chrono::steady_clock::time_point;

  lookup_cache(std::size_t capacity, std::chrono::milliseconds lifetime)
      : capacity_{capacity}, lifetime_{lifetime} {}

  std::optional<std::string> find(const std::string& key, time_point now) {
    const auto there = by_key_.find(key);
    if (there == by_key_.end())
      return std::nullopt;
    if (there->second->until <= now) {
      order_.erase(there->second);
      by_key_.erase(there);
      return std::nullopt;
    }
    order_.splice(order_.begin(), order_, there->second);
    return there->second->answer;
  }

  void put(const std::string& key, std::string answer, time_point now) {
    if (capacity_ == 0)
      return;
    if (const auto there = by_key_.find(key); there != by_key_.end()) {
      order_.erase(there->second);
      by_key_.erase(there);
    }
    if (order_.size() == capacity_) {
      by_key_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({key, std::move(answer), now + lifetime_});
    by_key_[key] = order_.begin();
  }

  std::size_t size() const { return order_.size(); }

private:
  struct entry {
    std::string key;
    std::string answer;
    time_point until;
  };

  const std::size_t capacity_;
  const std::chrono::milliseconds lifetime_;
  std::list<entry> order_; // the most recently used first
  std::unordered_map<std::string, std::list<entry>::iterator> by_key_;
};
