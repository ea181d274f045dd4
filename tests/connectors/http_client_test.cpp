#include "asking.hpp"

#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/client.hpp>
#include <weir/connectors/http/retry_after.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/testkit/node.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
namespace asio = boost::asio;
namespace http = weir::http;
using asking::answer;
using asking::echo;

namespace {

class Client : public asking::client_test {};

} // namespace

// --- requests and answers ------------------------------------------------------------------------

TEST_F(Client, AsksForTheTargetBehindTheBaseUrl) {
  std::string seen;
  const loopback::server server{[&](loopback::peer& with, int) {
    seen = with.read_header();
    with.send(answer("{}", "Content-Type: application/json\r\n"));
  }};
  const http::client client{{.base_url = server.url() + "/v1/lookup"}};
  const auto one = begin(client, "?key=a%20b");
  EXPECT_EQ(finish(one), "200 {}");
  EXPECT_EQ((*one->answer)->content_type, "application/json");
  EXPECT_THAT(seen, StartsWith("GET /v1/lookup?key=a%20b HTTP/1.1\r\nHost: 127.0.0.1:"
                               + std::to_string(server.port()) + "\r\n"));
}

TEST_F(Client, JoinsTargetsToBaseUrls) {
  const loopback::server server{echo};
  for (const auto& [base, target, expected] : {std::tuple{"", "", "/"},
                                               {"/", "", "/"},
                                               {"", "?a=1", "/?a=1"},
                                               {"/", "/b", "/b"},
                                               {"/a", "/b", "/a/b"},
                                               {"/a", "", "/a"},
                                               {"/a/", "?c", "/a/?c"}})
    EXPECT_EQ(get(http::client{{.base_url = server.url() + base}}, target),
              "200 " + std::string{expected});
}

TEST_F(Client, EveryStatusIsAnAnswer) {
  const loopback::server server{[](loopback::peer& with, int connection) {
    with.read_header();
    with.send(
        connection == 0
            ? "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nbusy"
            : "HTTP/1.1 204 No Content\r\n\r\n");
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  const auto busy = begin(client, "/");
  EXPECT_EQ(finish(busy), "503 busy");
  EXPECT_EQ((*busy->answer)->retry_after, 7s);
  const auto nothing = begin(client, "/");
  EXPECT_EQ(finish(nothing), "204 ");
  EXPECT_EQ((*nothing->answer)->retry_after, std::nullopt);
}

TEST_F(Client, ReadsBodiesOfEveryForm) {
  const loopback::server server{[](loopback::peer& with, int connection) {
    with.read_header();
    with.send(connection == 0   ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                                  "chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n"
              : connection == 1 ? "HTTP/1.1 200 OK\r\n\r\nto the end"
              : connection == 2
                  ? "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                  : "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold");
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  for (const std::string expected : {"hello!", "to the end", "ok", "old"})
    EXPECT_EQ(get(client, "/"), "200 " + expected);
}

TEST_F(Client, RefusesTargetsThatCouldSayMoreThanATarget) {
  const http::client client{{.base_url = "http://127.0.0.1:9"}};
  for (const std::string bad : {"/a b", "/a\r\nHost: evil", "/\x01", "/ü", "key=1"})
    EXPECT_EQ(
        get(client, bad),
        "poison: a request to http://127.0.0.1:9: the target must begin with '/' or '?' and be "
        "percent-encoded");
}

TEST_F(Client, RefusesOptionsThatCantWork) {
  EXPECT_THROW(http::client{{.base_url = "ftp://example.org"}}, std::invalid_argument);
  EXPECT_THROW((http::client{{.base_url = "http://example.org", .connections_max = 0}}),
               std::invalid_argument);
}

// --- connections ---------------------------------------------------------------------------------

TEST_F(Client, KeepsItsConnection) {
  const loopback::server server{echo};
  const http::client client{{.base_url = server.url()}};
  for (const std::string target : {"/1", "/2", "/3"})
    EXPECT_EQ(get(client, target), "200 " + target);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(Client, ResolvesNames) {
  const loopback::server server{echo};
  const http::client client{{.base_url = "http://localhost:" + std::to_string(server.port())}};
  const auto first = begin(client, "/1");
  const auto second = begin(client, "/2"); // waits for the same look-up
  EXPECT_EQ(finish(first), "200 /1");
  EXPECT_EQ(finish(second), "200 /2");
}

TEST_F(Client, DoesNotUseAConnectionAgainThatIsToBeClosed) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.send(answer("once", "Connection: close\r\n"));
    EXPECT_TRUE(with.sees_the_end());
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(get(client, "/"), "200 once");
  EXPECT_EQ(get(client, "/"), "200 once");
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(Client, DoesNotUseAConnectionAgainThatSaidMoreThanItWasAsked) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.send(answer("mine") + answer("not mine"));
    EXPECT_TRUE(with.sees_the_end());
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(get(client, "/"), "200 mine");
  EXPECT_EQ(get(client, "/"), "200 mine");
}

TEST_F(Client, DoesNotUseAConnectionAgainThatWasIdleForTooLong) {
  const loopback::server server{echo};
  const http::client client{{.base_url = server.url(), .idle_max = 0ms}};
  EXPECT_EQ(get(client, "/1"), "200 /1");
  EXPECT_EQ(get(client, "/2"), "200 /2");
  EXPECT_EQ(server.accepted(), 2);
}

/// Between two requests the server closes, or resets, what the client has kept.
TEST_F(Client, AStaleConnectionIsReplacedOnce) {
  for (const bool reset : {false, true}) {
    std::atomic<bool> closed{false};
    const loopback::server server{[&](loopback::peer& with, int connection) {
      if (connection > 0)
        return echo(with, connection);
      with.read_header();
      with.send(answer("first"));
      if (reset)
        with.read_header(); // it takes the second request, and says nothing
      reset ? with.reset() : with.close();
      closed = true;
    }};
    const http::client client{{.base_url = server.url()}};
    EXPECT_EQ(get(client, "/1"), "200 first");
    ASSERT_TRUE(reset || weir_test::eventually([&] { return closed.load(); }));
    EXPECT_EQ(get(client, "/2"), "200 /2");
    EXPECT_EQ(server.accepted(), 2);
  }
}

TEST_F(Client, ANewConnectionThatIsClosedIsNotTriedAgain) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(get(client, "/a"),
            "transient: GET " + server.url() + ": the connection was closed without an answer");
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(Client, ARequestIsNotRepeatedOnceALineOfTheAnswerCame) {
  for (const bool reset : {false, true}) {
    std::atomic<bool> sent{false};
    weir_test::gate gate;
    const loopback::server server{[&](loopback::peer& with, int) {
      with.read_header();
      with.send(answer("first"));
      with.read_header();
      with.send("HTTP/1.1 200 OK\r\n");
      sent = true;
      gate.pass();
      reset ? with.reset() : with.close();
    }};
    const http::client client{{.base_url = server.url()}};
    EXPECT_EQ(get(client, "/"), "200 first");
    const auto second = begin(client, "/");
    EXPECT_TRUE(run_until([&] { return sent.load(); }));
    while (io_.poll() > 0) // what was sent is there to be read
      ;
    gate.open();
    EXPECT_THAT(finish(second), StartsWith("transient: GET " + server.url() + ": "));
    EXPECT_EQ(server.accepted(), 1);
  }
}

TEST_F(Client, OpensNoMoreConnectionsThanAllowedAndServesInTheOrderOfArrival) {
  std::mutex lock;
  std::vector<std::string> order;
  weir_test::gate gate;
  const loopback::server server{[&](loopback::peer& with, int) {
    for (;;) {
      const auto request = with.read_header();
      if (!request.ends_with("\r\n\r\n"))
        return;
      {
        const std::lock_guard guard{lock};
        order.push_back(request.substr(4, 2));
      }
      gate.pass();
      with.send(answer("ok"));
    }
  }};
  const http::client client{{.base_url = server.url(), .connections_max = 1}};
  std::vector<std::shared_ptr<question>> all(5);
  for (std::size_t k = 0; k < all.size(); ++k)
    all[k] = begin(client, "/" + std::to_string(k));
  EXPECT_TRUE(run_until([&] { return client.waiting() == 4; }));
  EXPECT_EQ(client.in_use(), 1U);
  gate.open();
  for (const auto& one : all)
    EXPECT_EQ(finish(one), "200 ok");
  EXPECT_EQ(order, (std::vector<std::string>{"/0", "/1", "/2", "/3", "/4"}));
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_EQ(client.in_use(), 0U);
}

// --- what goes wrong -----------------------------------------------------------------------------

TEST_F(Client, AConnectionThatIsRefusedSaysSo) {
  std::string url;
  { url = loopback::server{echo}.url(); } // nobody listens there any more
  EXPECT_EQ(get(http::client{{.base_url = url}}, "/x"),
            "transient: GET " + url + ": Connection refused");
}

TEST_F(Client, BrokenAnswersAreTransientFailuresThatSayHow) {
  const std::pair<std::string, std::string> broken[] = {
      {"\x16\x03\x01 this is TLS, or what?\r\n\r\n", "the answer is no HTTP"},
      {"HTTP/1.1 2x0 OK\r\n\r\n", "the answer has no status of 100 to 599"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
       "the connection was closed in the middle of the answer"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "the connection was closed in the middle of the answer"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "the answer is longer than 1000 bytes"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n",
       "the connection was closed in the middle of the answer"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n",
       "the header of the answer is longer than 5000 bytes"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "in chunked-encoding"},
  };
  const loopback::server server{[&](loopback::peer& with, int connection) {
    with.read_header();
    with.send(broken[connection].first);
    with.close();
  }};
  const http::client client{{.base_url = server.url(), .body_max = 1000, .header_max = 5000}};
  for (const auto& [bytes, why] : broken)
    EXPECT_THAT(get(client, "/"),
                testing::AllOf(StartsWith("transient: GET " + server.url() + ": "), EndsWith(why)));
}

TEST_F(Client, AStatusThatIsNoneIsATransientFailureAndItsConnectionIsNotUsedAgain) {
  const std::pair<std::string, std::string> broken[] = {
      {"HTTP/1.1 000 Nothing", ""},
      {"HTTP/1.1 099 ", ""},
      {"HTTP/1.1 600 So\xc3 what", "HTTP/1.1 600 So? what"},
      {"HTTP/1.1 999 " + std::string(500, 'x'), "HTTP/1.1 999 " + std::string(80, 'x')},
  };
  const loopback::server server{[&](loopback::peer& with, int connection) {
    with.read_header();
    if (connection < std::ssize(broken))
      with.send(broken[connection].first + "\r\nContent-Length: 0\r\n\r\n");
    else
      with.send("HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n");
  }};
  const http::client client{{.base_url = server.url()}};
  for (const auto& [line, shown] : broken)
    EXPECT_EQ(get(client, "/"), "transient: GET " + server.url()
                                    + ": the answer has no status of 100 to 599"
                                    + (shown.empty() ? "" : ": '" + shown + "'"));
  EXPECT_EQ(get(client, "/"), "599 ");
}

TEST_F(Client, AResetInTheMiddleOfTheBodyIsATransientFailure) {
  weir_test::gate gate;
  const loopback::server server{[&](loopback::peer& with, int) {
    with.read_header();
    with.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    gate.pass();
    with.reset();
  }};
  const http::client client{{.base_url = server.url()}};
  const auto one = begin(client, "/");
  gate.open();
  EXPECT_THAT(finish(one), StartsWith("transient: GET " + server.url() + ": "));
}

TEST_F(Client, ARequestThatTakesTooLongIsGivenUpWithItsConnection) {
  std::atomic<int> asked{0};
  std::atomic<int> ended{0};
  const loopback::server server{[&](loopback::peer& with, int connection) {
    with.read_header();
    if (connection == 1) // slow is no better than silent
      with.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    ++asked;
    ended += with.sees_the_end();
  }};
  weir::virtual_time time;
  const http::client client{{.base_url = server.url(), .timeout = 1h}};
  for (int k = 1; k <= 2; ++k) {
    const auto one = begin(client, "/");
    EXPECT_TRUE(run_until([&] { return asked == k; }));
    settle();
    time.advance_to(time.now() + 1h);
    EXPECT_EQ(finish(one), "transient: GET " + server.url() + ": timed out");
    EXPECT_TRUE(weir_test::eventually([&] { return ended == k; }));
    EXPECT_EQ(client.in_use(), 0U);
  }
}

TEST_F(Client, ItsTimeMayEndAtAnyMomentAlsoBetweenTwoOperations) {
  std::atomic<bool> silent{true};
  const loopback::server server{[&](loopback::peer& with, int) {
    while (with.read_header().ends_with("\r\n\r\n"))
      with.send(silent ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" : answer("whole"));
  }};
  weir::virtual_time time;
  for (const bool answers : {false, true})
    for (const auto passes : {30min, 60min})      // what ends is the time to connect, or all of it
      for (int steps = 1; steps <= 20; ++steps) { // the first one begins it
        silent = !answers;
        const http::client client{
            {.base_url = server.url(), .timeout = 1h, .connect_timeout = 30min}};
        const auto one = begin(client, "/");
        io_.restart();
        for (int k = 0; k < steps; ++k)
          io_.run_one_for(1ms);
        time.advance_to(time.now() + passes);
        settle();
        time.advance_to(time.now() + 1h);
        const auto text = finish(one);
        EXPECT_TRUE(text.ends_with(": timed out") || (answers && text == "200 whole"))
            << steps << " steps: " << text;
        EXPECT_EQ(client.in_use(), 0U);
        silent = false;
        EXPECT_EQ(get(client, "/"), "200 whole") << steps << " steps";
      }
}

TEST_F(Client, TheTimeCountsOnAKeptConnectionToo) {
  std::atomic<bool> asked_again{false};
  const loopback::server server{[&](loopback::peer& with, int) {
    with.read_header();
    with.send(answer("first"));
    with.read_header();
    asked_again = true;
    with.sees_the_end();
  }};
  weir::virtual_time time;
  const http::client client{{.base_url = server.url(), .timeout = 1h}};
  EXPECT_EQ(get(client, "/"), "200 first");
  const auto second = begin(client, "/");
  EXPECT_TRUE(run_until([&] { return asked_again.load(); }));
  settle();
  time.advance_to(time.now() + 1h);
  EXPECT_THAT(finish(second), EndsWith("timed out"));
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(Client, ItsTimesAreThoseOfTheNodesClock) {
  const loopback::server server{[](loopback::peer& with, int) { with.sees_the_end(); }};
  weir::virtual_time time;
  const http::client client{
      {.base_url = server.url(), .connections_max = 1, .timeout = 1h, .connect_timeout = 2h}};
  const auto first = begin(client, "/1");
  const auto second = begin(client, "/2");
  EXPECT_TRUE(run_until(
      [&] { return client.in_use() == 1 && client.waiting() == 1 && server.accepted() == 1; }));
  time.advance_to(time.now() + 1h - 1ms);
  io_.poll();
  EXPECT_FALSE(first->answer || second->answer);
  time.advance_to(time.now() + 1ms);
  EXPECT_THAT(finish(first), EndsWith(": timed out"));
  EXPECT_THAT(finish(second), EndsWith(": timed out"));
}

TEST_F(Client, TheTimeToConnectDoesNotCountForTheAnswer) {
  weir_test::gate gate;
  std::atomic<bool> reached{false};
  const loopback::server server{[&](loopback::peer& with, int) {
    with.read_header();
    reached = true;
    gate.pass();
    with.send(answer("at last"));
  }};
  weir::virtual_time time;
  const http::client client{{.base_url = server.url(), .timeout = 10h, .connect_timeout = 1h}};
  const auto one = begin(client, "/");
  EXPECT_TRUE(run_until([&] { return reached.load(); }));
  settle();
  time.advance_to(time.now() + 2h);
  settle();
  gate.open();
  EXPECT_EQ(finish(one), "200 at last");
}

TEST_F(Client, TheTimeCountsWhileWaitingForAConnectionToo) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.sees_the_end();
  }};
  const http::client client{{.base_url = server.url(), .connections_max = 1, .timeout = 50ms}};
  const auto first = begin(client, "/1");
  const auto second = begin(client, "/2");
  EXPECT_THAT(finish(first), EndsWith(": timed out"));
  EXPECT_THAT(finish(second), EndsWith(": timed out"));
  EXPECT_EQ(client.waiting(), 0U);
  EXPECT_EQ(client.in_use(), 0U);
}

TEST_F(Client, ACancelledRequestClosesItsConnectionAndGivesItsPlaceToTheNext) {
  std::atomic<int> silent{0};
  std::atomic<int> ended{0};
  const loopback::server server{[&](loopback::peer& with, int connection) {
    if (connection > 0)
      return echo(with, connection);
    with.read_header();
    ++silent;
    ended += with.sees_the_end();
  }};
  const http::client client{{.base_url = server.url(), .connections_max = 1}};
  const auto first = begin(client, "/1");
  const auto second = begin(client, "/2");
  const auto third = begin(client, "/3");
  EXPECT_TRUE(run_until([&] { return silent == 1 && client.waiting() == 2; }));
  second->cancel();
  EXPECT_THAT(finish(second), EndsWith(": cancelled"));
  EXPECT_EQ(client.waiting(), 1U);
  first->cancel();
  EXPECT_EQ(finish(first), "transient: GET " + server.url() + ": cancelled");
  EXPECT_EQ(finish(third), "200 /3");
  EXPECT_TRUE(weir_test::eventually([&] { return ended == 1; }));
  EXPECT_EQ(client.in_use(), 0U);
}

TEST_F(Client, CancellingAtAnyMomentLosesNoConnection) {
  const loopback::server server{echo};
  const http::client client{{.base_url = server.url(), .connections_max = 2}};
  for (std::size_t steps = 0; steps < 40; ++steps) {
    std::vector<std::shared_ptr<question>> all(4);
    for (std::size_t k = 0; k < all.size(); ++k)
      all[k] = begin(client, "/" + std::to_string(k));
    io_.restart();
    for (std::size_t k = 0; k < all.size() + steps; ++k)
      io_.poll_one();
    for (std::size_t k = 0; k < all.size(); k += 2)
      all[k]->cancel();
    for (std::size_t k = 0; k < all.size(); ++k) {
      const auto text = finish(all[k]);
      EXPECT_TRUE(text == "200 /" + std::to_string(k)
                  || (k % 2 == 0 && text.ends_with("cancelled")))
          << text;
    }
    ASSERT_EQ(client.in_use(), 0U) << steps;
    ASSERT_EQ(client.waiting(), 0U) << steps;
  }
}

/// In a stage: what hangs is cancelled by the stage's timeout and becomes a dead letter, the rest goes on.
TEST_F(Client, ServesAStageWhoseTimeoutCancelsIt) {
  std::atomic<bool> hangs{false};
  const loopback::server server{[&](loopback::peer& with, int) {
    for (;;) {
      const auto request = with.read_header();
      if (!request.ends_with("\r\n\r\n"))
        return;
      if (request.starts_with("GET /7 ")) {
        hangs = true;
        return void(with.sees_the_end());
      }
      with.send(answer(request.substr(5, request.find(' ', 5) - 5)));
    }
  }};
  const http::client client{{.base_url = server.url(), .connections_max = 4}};
  weir::dead_letters::memory dead;
  weir::testkit::collected<std::string> kept;
  weir::pipeline made{"lookups"};
  made.from("numbers", weir::testkit::numbers(100))
      .via("ask",
           [client](const int& n) -> asio::awaitable<weir::result<std::string>> {
             auto answer = co_await client.get("/" + std::to_string(n));
             if (!answer)
               co_return std::move(answer.error());
             co_return std::move(answer->body);
           },
           {.retry = weir_test::at_once(1), .in_flight_max = 8, .timeout = 1s})
      .to("keep", kept.sink());
  made.dead_letters_to(dead);
  weir::testkit::node node; // its time passes when everything else has been answered
  auto& pipeline = node.run(std::move(made));
  const auto happens = [&](auto fact) {
    return weir_test::eventually([&] {
      node.settle();
      return fact();
    });
  };
  EXPECT_TRUE(happens([&] { return hangs && client.in_use() == 1; }));
  node.pass(1s);
  EXPECT_TRUE(happens([&] { return kept.size() == 99; }));
  EXPECT_EQ(node.finish(pipeline), weir::running_pipeline::state::finished);
  std::vector<std::string> expected;
  for (int n = 0; n < 100; ++n)
    if (n != 7)
      expected.push_back(std::to_string(n));
  EXPECT_EQ(kept.items(), expected);
  ASSERT_EQ(dead.letters().size(), 1U);
  EXPECT_EQ(dead.letters()[0].payload, "7");
  EXPECT_THAT(dead.letters()[0].why.message(), HasSubstr("timed out"));
}

// --- texts ---------------------------------------------------------------------------------------

TEST(Url, IsReadOrRefusedWithWhatWasExpected) {
  const auto read = [](std::string_view text) {
    const auto parsed = http::parse_url(text);
    return parsed ? parsed->host + "|" + std::to_string(parsed->port) + "|" + parsed->path + "|"
                        + parsed->authority()
                  : parsed.error().message();
  };
  EXPECT_EQ(read("http://example.org"), "example.org|80||example.org");
  EXPECT_EQ(read("http://example.org:8080/v1/lookup"),
            "example.org|8080|/v1/lookup|example.org:8080");
  EXPECT_EQ(read("http://127.0.0.1:1/"), "127.0.0.1|1||127.0.0.1:1");
  EXPECT_EQ(read("http://[::1]:8080/a"), "::1|8080|/a|[::1]:8080");
  const auto no_url = [](const std::string& text, const std::string& why) {
    return "the URL '" + text + "' is no http[s]://host[:port][/path]: " + why;
  };
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"ftp://example.org", "it does not begin with http:// or https://"},
           {"example.org", "it does not begin with http:// or https://"},
           {"", "it does not begin with http:// or https://"},
           {"http://", "the host is neither a name nor an address"},
           {"http://:80", "the host is neither a name nor an address"},
           {"http://a b", "the host is neither a name nor an address"},
           {"http://a\r\nb", "the host is neither a name nor an address"},
           {"http://[::1", "']' is missing"},
           {"http://[evil]", "between the brackets is no IPv6 address"},
           {"http://[::1]8", "the port is no number from 1 to 65535"},
           {"http://a:", "the port is no number from 1 to 65535"},
           {"http://a:0", "the port is no number from 1 to 65535"},
           {"http://a:65536", "the port is no number from 1 to 65535"},
           {"http://a:80x", "the port is no number from 1 to 65535"},
           {"http://a/b?c", "there is a query or a fragment in it"},
           {"http://a?c", "there is a query or a fragment in it"},
           {"http://a/b c", "there is a character in it that must be percent-encoded"}})
    EXPECT_EQ(read(text), no_url(text, why));
  EXPECT_EQ(read("https://example.org"), "example.org|443||example.org");
  EXPECT_EQ(read("https://example.org:80/a"), "example.org|80|/a|example.org:80");
}

TEST(Url, APasswordInItIsNotShown) {
  const auto refused = http::parse_url("https://me:secret@example.org/a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "the URL 'https://...@example.org/a' is no "
                                       "http[s]://host[:port][/path]: a user and a password do not "
                                       "belong there");
}

TEST(Encode, LeavesNothingThatMeansSomethingInAUrl) {
  EXPECT_EQ(http::encode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(http::encode("a b&c=d/e?f#g%h+"), "a%20b%26c%3Dd%2Fe%3Ff%23g%25h%2B");
  EXPECT_EQ(http::encode("\r\nHost: evil"), "%0D%0AHost%3A%20evil");
  EXPECT_EQ(http::encode("ü"), "%C3%BC");
  EXPECT_EQ(http::encode(std::string_view{"\0", 1}), "%00");
}

TEST(RetryAfter, IsSecondsOrADateInOneOfThreeForms) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  const std::chrono::system_clock::time_point now{784'111'777s};
  EXPECT_EQ(http::retry_after("0", now), 0ms);
  EXPECT_EQ(http::retry_after("120", now), 2min);
  EXPECT_EQ(http::retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10s);
  EXPECT_EQ(http::retry_after("Sunday, 06-Nov-94 08:49:47 GMT", now), 10s);
  EXPECT_EQ(http::retry_after("Sun Nov  6 08:49:47 1994", now), 10s);
  EXPECT_EQ(http::retry_after("Sun, 06 Nov 1994 08:49:38 GMT", now + 1ms), 999ms);
  EXPECT_EQ(http::retry_after("Sat, 05 Nov 1994 08:49:47 GMT", now), 0ms) << "it has passed";
  EXPECT_EQ(http::retry_after("99999999999999999999999", now), 24h) << "nobody means that";
  EXPECT_EQ(http::retry_after("Sun, 06 Nov 9999 08:49:37 GMT", now), 24h);
  EXPECT_EQ(http::retry_after("Sun, 06 Nov 2147483647 08:49:37 GMT", now), 24h);
  for (const auto* const neither :
       {"", "-1", "1.5", " 1", "soon", "Sun", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 36 Nov 1994 08:49:37 GMT"})
    EXPECT_EQ(http::retry_after(neither, now), std::nullopt) << neither;
}
