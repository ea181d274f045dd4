#include "asking.hpp"

#include <weir/connectors/http/answer_failure.hpp>
#include <weir/connectors/http/json_calls.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/stages/json.hpp>
#include <weir/testkit/node.hpp>

#include <functional>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using asking::answer;
using nlohmann::json;
namespace asio = boost::asio;
namespace http = weir::http;

namespace {

template <class T>
asio::awaitable<void> keep(asio::awaitable<T> call, std::optional<T>& in) {
  in = co_await std::move(call);
}

template <class T>
T run(asio::awaitable<T> call) {
  asio::io_context io{1};
  std::optional<T> got;
  asio::co_spawn(io, keep(std::move(call), got),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  io.run_for(weir_test::patience);
  return got ? std::move(*got) : T{weir::fatal("no answer")};
}

std::string text(const weir::result<json>& got) {
  return got ? got->dump()
             : std::string{to_string(got.error().kind)} + ": " + got.error().message();
}
std::string text(const weir::result<std::optional<json>>& got) {
  return got && !*got ? "nothing" : text(got ? weir::result<json>{**got} : got.error());
}

/// Answers one request a connection, with `what`.
loopback::server::conversation always(std::string what) {
  return [what = std::move(what)](loopback::peer& with, int) {
    with.read_header();
    with.send(what);
    with.close();
  };
}

std::string status(unsigned code, std::string_view headers = "") {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: 0\r\n" + std::string{headers}
         + "\r\n";
}

} // namespace

TEST(JsonCalls, AnswersAreValues) {
  std::string seen;
  const loopback::server server{[&](loopback::peer& with, int) {
    seen = with.read_header();
    with.send(answer(R"({"a": [1, 2]})"));
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(text(run(http::json_get(client, "/x?y=z"))), R"({"a":[1,2]})");
  EXPECT_THAT(seen, testing::StartsWith("GET /x?y=z HTTP/1.1\r\n"));
  EXPECT_THAT(seen, testing::HasSubstr("\r\nAccept: application/json\r\n"));
  EXPECT_EQ(text(run(http::json_find(client, "/x"))), R"({"a":[1,2]})");
}

TEST(JsonCalls, WhatIsPostedIsJsonToo) {
  std::string seen;
  const loopback::server server{[&](loopback::peer& with, int) {
    seen = with.read_header();
    seen += with.read(9);
    with.send(status(204));
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(text(run(http::json_post(client, "/x", {{"a", "b"}}))), "null") << "there is no body";
  EXPECT_THAT(seen, testing::StartsWith("POST /x HTTP/1.1\r\n"));
  EXPECT_THAT(seen, testing::HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(seen, testing::EndsWith("\r\n\r\n{\"a\":\"b\"}"));
  EXPECT_EQ(text(run(http::json_post(client, "/x", "\xff"))),
            "poison: POST " + server.url() + ": the body has text that is no UTF-8");
}

TEST(JsonCalls, AStatusSaysWhatBecomesOfTheItem) {
  for (const auto& [code, kind] : {std::pair{302U, "poison"},
                                   {400U, "poison"},
                                   {401U, "poison"},
                                   {404U, "poison"},
                                   {408U, "transient"},
                                   {422U, "poison"},
                                   {425U, "transient"},
                                   {429U, "transient"},
                                   {500U, "transient"},
                                   {503U, "transient"},
                                   {599U, "transient"}}) {
    const loopback::server server{always(status(code))};
    const http::client client{{.base_url = server.url()}};
    const auto expected =
        std::string{kind} + ": GET " + server.url() + ": answered " + std::to_string(code);
    EXPECT_EQ(text(run(http::json_get(client, "/a?id=secret"))), expected);
    EXPECT_EQ(text(run(http::json_find(client, "/a?id=secret"))),
              code == 404 ? "nothing" : expected);
  }
}

TEST(JsonCalls, WhoAsksTooMuchIsToldToWait) {
  const auto wait = [](unsigned code, std::string_view headers) {
    const loopback::server server{always(status(code, headers))};
    const auto got = run(http::json_get(http::client{{.base_url = server.url()}}, "/"));
    return got.error().retry_after;
  };
  for (const auto code : {429U, 503U}) {
    EXPECT_EQ(wait(code, ""), 0ms) << "so that no retry comes at once";
    EXPECT_EQ(wait(code, "Retry-After: 7\r\n"), 7s);
    EXPECT_EQ(wait(code, "Retry-After: soon\r\n"), 0ms);
  }
  EXPECT_EQ(wait(500, ""), std::nullopt);
  EXPECT_EQ(wait(500, "Retry-After: 7\r\n"), 7s);
}

TEST(JsonCalls, AnAnswerThatIsNoJsonIsATransientFailure) {
  const auto why = [](std::string_view body) {
    const loopback::server server{always(answer(body))};
    return text(run(http::json_get(http::client{{.base_url = server.url()}}, "/")))
        .substr(("transient: GET " + server.url() + ": ").size());
  };
  EXPECT_EQ(why("<html>"), "the answer can't be read ← broken JSON at byte 1");
  EXPECT_EQ(why(R"({"a":)" + std::string(70'000, '[') + std::string(70'000, ']') + "}"),
            "the answer can't be read ← JSON that nests deeper than 256 levels");
}

TEST(JsonCalls, WithoutAnAnswerTheFailureIsTheClients) {
  std::string url;
  { url = loopback::server{always("")}.url(); }
  EXPECT_EQ(text(run(http::json_get(http::client{{.base_url = url}}, "/"))),
            "transient: GET " + url + ": Connection refused");
}

/// A first retry comes at once otherwise.
TEST(JsonCalls, AStageWaitsAsLongAsItIsTold) {
  const loopback::server server{[](loopback::peer& with, int) {
    for (int n = 0; with.read_header().ends_with("\r\n\r\n"); ++n)
      with.send(n == 0 ? status(429) : n == 1 ? status(503, "Retry-After: 120\r\n") : answer("7"));
  }};
  const http::client client{{.base_url = server.url()}};
  weir::testkit::collected<int> kept;
  weir::pipeline made{"lookups"};
  made.from("numbers", weir::testkit::numbers(1))
      .via("ask",
           [client](const int&) -> asio::awaitable<weir::result<int>> {
             auto got = co_await http::json_get(client, "/");
             if (!got)
               co_return std::move(got.error());
             co_return got->get<int>();
           },
           {.retry = {.attempts = 5, .immediate = 1, .delay_min = 500ms, .jitter = 0}})
      .to("keep", kept.sink());
  weir::dead_letters::memory dead;
  made.dead_letters_to(dead);
  weir::testkit::node node;
  auto& pipeline = node.run(std::move(made));
  const auto failed = [&](std::uint64_t times) {
    return weir_test::eventually([&] {
      node.settle();
      return pipeline.view().stages.at(1).failed == times;
    });
  };
  ASSERT_TRUE(failed(1));
  node.pass(499ms);
  EXPECT_EQ(pipeline.view().stages.at(1).failed, 1U);
  node.pass(1ms);
  ASSERT_TRUE(failed(2));
  node.pass(119s);
  EXPECT_EQ(kept.size(), 0U);
  node.pass(1s);
  EXPECT_TRUE(weir_test::eventually([&] {
    node.settle();
    return kept.size() == 1;
  }));
  EXPECT_EQ(node.finish(pipeline), weir::running_pipeline::state::finished);
  EXPECT_EQ(server.accepted(), 1);
}
