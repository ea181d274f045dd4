#pragma once

#include "entrance.hpp"

#include <weir/supervision/failure.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <stop_token>
#include <string>

/// A connection: it runs until the other side closes it, or it is told to stop. Its context is its own, so that it can
/// wait on a thread of its own.
class session {
public:
  /// Longer lines are refused, and the connection is closed.
  static constexpr std::size_t line_max = 64 * 1024; // bytes

  explicit session(std::shared_ptr<entrance> into)
      : into_{std::move(into)}, context_{1}, socket_{context_} {}

  boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }

  /// Answers each line with one: "ok" once it is stored, else "not stored: WHY". The line "crash" makes it fail.
  weir::result<void> run(const std::stop_token& stop);

private:
  weir::result<bool> read_line(const std::stop_token& stop);
  weir::result<std::string> answer_to(std::string line) const;

  const std::shared_ptr<entrance> into_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  std::string read_;          // what came and was not taken yet
  std::size_t line_size_ = 0; // of the line at its beginning, with its end
};
