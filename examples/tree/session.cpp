#include "session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <utility>

namespace asio = boost::asio;

/// Waits for a whole line; false if there is none any more.
weir::result<bool> session::read_line(const std::stop_token& stop) {
  boost::system::error_code failed;
  context_.restart();
  asio::async_read_until(socket_, asio::dynamic_buffer(read_, line_max), '\n',
                         [&](boost::system::error_code how, std::size_t size) {
                           failed = how;
                           line_size_ = size;
                         });
  // What is read already is answered, also when it is told to stop.
  const std::stop_callback<std::function<void()>> stopped{
      stop, [this] { asio::post(context_, [this] { socket_.cancel(); }); }};
  context_.run();
  if (!failed)
    return true;
  if (failed == asio::error::not_found)
    return weir::fatal("a line is longer than " + std::to_string(line_max) + " bytes");
  if (failed == asio::error::eof || failed == asio::error::operation_aborted)
    return false;
  return weir::fatal("can't read from the connection: " + failed.message());
}

weir::result<std::string> session::answer_to(std::string line) const {
  if (line == "crash")
    return weir::fatal("the other side wants it to crash");
  const auto how = into_->pass(std::move(line));
  if (!how)
    return "not stored: " + how.error().message() + "\n";
  switch (*how) {
  case weir::outcome::acknowledged:
    return std::string{"ok\n"};
  case weir::outcome::dead_lettered:
    return std::string{"not stored: it is no line\n"};
  case weir::outcome::filtered:
  case weir::outcome::dropped:
  case weir::outcome::returned:
    break;
  }
  return std::string{"not stored: the server stops\n"};
}

weir::result<void> session::run(const std::stop_token& stop) {
  while (true) {
    const auto read = read_line(stop);
    if (!read)
      return read.error();
    if (!*read)
      return {};
    auto line = read_.substr(0, line_size_ - 1);
    read_.erase(0, line_size_);
    if (line.ends_with('\r'))
      line.pop_back();
    const auto answer = answer_to(std::move(line));
    if (!answer)
      return answer.error();
    boost::system::error_code failed;
    asio::write(socket_, asio::buffer(*answer), failed);
    if (failed)
      return weir::fatal("can't write to the connection: " + failed.message());
  }
}
