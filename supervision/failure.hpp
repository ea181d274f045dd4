#pragma once

#include <weir/mailbox/require.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// What a stage, a store or a connector answers when it could not do its work, and why.
///
/// A failure is a value. Its `chain` holds one message a layer, the outermost first, so that it prints as
/// "stage ← cause ← root".
namespace weir {

enum class failure_kind {
  transient, ///< may succeed if tried again: retried with back-off
  poison,    ///< this item can't ever succeed: dead letter, go on
  fatal      ///< the worker is in doubt: its supervisor decides
};

inline constexpr std::array failure_kinds{failure_kind::transient, failure_kind::poison,
                                          failure_kind::fatal};

std::string_view to_string(failure_kind kind) noexcept;

struct failure {
  failure_kind kind = failure_kind::poison;
  /// Messages, outermost first; never empty in a failure made by the functions below.
  std::vector<std::string> chain;
  /// Where the other side said that it is asked too much: the least time to wait before the next attempt, as it named it
  /// (`Retry-After`), or 0. No retry comes at once then, nor before the back-off's minimum.
  std::optional<std::chrono::milliseconds> retry_after;

  /// Makes it the failure as it is seen from one layer further out: "`layer` ← what it was".
  failure within(std::string layer) &&;
  /// The chain on one line, "outermost ← … ← root".
  std::string message() const;

  bool operator==(const failure&) const;
};

failure transient(std::string why);
failure transient(std::string why, std::chrono::milliseconds retry_after);
failure poison(std::string why);
failure fatal(std::string why);

} // namespace weir

namespace weir::internal {

/// Messages longer than this are cut (with a mark): an error text must not be what exhausts the memory.
inline constexpr std::size_t failure_message_max = 4096; // bytes, of each message in the chain
inline constexpr std::size_t failure_chain_max = 16;     // messages

} // namespace weir::internal

namespace weir {

/// Describes the exception in flight as a fatal failure, nested exceptions as the chain. Any thrown thing is
/// described; if even that throws (no memory), a fixed text is used. Must be called in a catch clause.
failure describe_current_exception() noexcept;

/// A value, or the failure that stands for it. Not a std::variant, which costs each T a good deal of compile time.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  result(T value) : has_value_{true}, value_(std::move(value)) {}
  result(failure why) noexcept : has_value_{false}, why_(std::move(why)) {}
  result(const result& other) requires std::is_copy_constructible_v<T>
      : has_value_{other.has_value_} {
    begin(other);
  }
  result(result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
      : has_value_{other.has_value_} {
    begin(std::move(other));
  }
  /// If the move of a T throws, an empty failure is left.
  result& operator=(result other) noexcept(std::is_nothrow_move_constructible_v<T>) {
    end();
    has_value_ = other.has_value_;
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      begin(std::move(other));
    } else {
      try {
        begin(std::move(other));
      } catch (...) {
        has_value_ = false;
        std::construct_at(&why_);
        throw;
      }
    }
    return *this;
  }
  ~result() { end(); }

  bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  /// All require `has_value()`. Nobody checks it: they are called for each item.
  T& operator*() & noexcept { return value_; }
  const T& operator*() const& noexcept { return value_; }
  T&& operator*() && noexcept { return std::move(value_); }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

  /// All require `!has_value()`.
  failure& error() & noexcept {
    require_failure();
    return why_;
  }
  const failure& error() const& noexcept {
    require_failure();
    return why_;
  }
  failure&& error() && noexcept {
    require_failure();
    return std::move(why_);
  }

private:
  void require_failure() const noexcept {
    internal::require(!has_value_, "result: there is no error in a result that has a value");
  }
  template <class Other>
  void begin(Other&& other) {
    if (has_value_)
      std::construct_at(&value_, std::forward<Other>(other).value_);
    else
      std::construct_at(&why_, std::forward<Other>(other).why_);
  }
  void end() noexcept {
    if (has_value_)
      std::destroy_at(&value_);
    else
      std::destroy_at(&why_);
  }

  bool has_value_;
  union {
    T value_;     // NOLINT(readability-identifier-naming): private, though in a union
    failure why_; // NOLINT(readability-identifier-naming)
  };
};

template <>
class [[nodiscard]] result<void> {
public:
  using value_type = void;

  result() = default;
  result(failure why);

  bool has_value() const noexcept { return !why_; }
  explicit operator bool() const noexcept { return has_value(); }

  /// All require `!has_value()`.
  failure& error() & noexcept {
    require_failure();
    return *why_;
  }
  const failure& error() const& noexcept {
    require_failure();
    return *why_;
  }
  failure&& error() && noexcept {
    require_failure();
    return std::move(*why_);
  }

private:
  void require_failure() const noexcept {
    internal::require(why_.has_value(), "result: there is no error in a result that has a value");
  }

  std::optional<failure> why_;
};

} // namespace weir
