#pragma once

#include "../threads.hpp"
#include "loopback.hpp"

#include <weir/connectors/http/client.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

/// Requests of a client to a server that a test plays, and what becomes of them.
namespace asking {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace http = weir::http;

inline std::string answer(std::string_view body, std::string_view headers = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"
         + std::string{headers} + "\r\n" + std::string{body};
}

/// Answers every request of a connection with its target.
inline void echo(loopback::peer& with, int) {
  for (;;) {
    const auto request = with.read_header();
    if (!request.ends_with("\r\n\r\n"))
      return;
    with.send(answer(request.substr(4, request.find(' ', 4) - 4)));
  }
}

class client_test : public testing::Test {
protected:
  /// One request on its way.
  struct question {
    std::optional<weir::result<http::response>> answer;
    asio::cancellation_signal cancellation;

    void cancel() { cancellation.emit(asio::cancellation_type::terminal); }
    std::string text() const {
      if (!answer)
        return "no answer";
      return *answer
                 ? std::to_string((*answer)->status) + " " + (*answer)->body
                 : std::string{to_string(answer->error().kind)} + ": " + answer->error().message();
    }
  };

  std::shared_ptr<question> begin(const http::client& client, std::string target) {
    return begin(client, http::request{.target = std::move(target)});
  }
  std::shared_ptr<question> begin(const http::client& client, http::request what) {
    auto made = asked_.emplace_back(std::make_shared<question>());
    // On the context, so that it has begun when it is cancelled: else Asio throws out of run().
    asio::post(io_, [this, client, what, made] {
      asio::co_spawn(
          io_, ask(client, what, made),
          asio::bind_cancellation_slot(made->cancellation.slot(), [](std::exception_ptr thrown) {
            EXPECT_FALSE(thrown) << "a request does not throw";
          }));
    });
    return made;
  }
  static asio::awaitable<void> ask(http::client client, http::request what,
                                   std::shared_ptr<question> into) {
    into->answer = co_await client.ask(std::move(what));
  }
  /// Runs the context until something is so.
  template <class Fact>
  bool run_until(Fact fact) {
    const auto deadline = std::chrono::steady_clock::now() + weir_test::patience;
    while (!fact() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(1ms);
    }
    return fact();
  }
  /// What can go on without anything from outside.
  void settle() {
    io_.restart();
    io_.poll();
  }
  std::string finish(const std::shared_ptr<question>& one) {
    run_until([&] { return one->answer.has_value(); });
    return one->text();
  }
  std::string get(const http::client& client, std::string target) {
    return finish(begin(client, std::move(target)));
  }
  std::string ask(const http::client& client, http::request what) {
    return finish(begin(client, std::move(what)));
  }

private:
  // Their signals must outlive what runs on the context.
  std::vector<std::shared_ptr<question>> asked_;

protected:
  asio::io_context io_{1};
};

} // namespace asking
