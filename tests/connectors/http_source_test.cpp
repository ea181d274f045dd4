#include "../threads.hpp"
#include "loopback.hpp"

#include <weir/connectors/http/body.hpp>
#include <weir/connectors/http/source.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <sys/socket.h>

using namespace weir_test;
using testing::HasSubstr;
using weir::text_event;
using state = weir::running_pipeline::state;
namespace http = weir::http;

/// A process that has no descriptors left for the connections that the server accepts. It has them for
/// everything else: a sanitizer needs some of its own.
namespace no_descriptors {

std::atomic<bool> left{true};
std::atomic<int> refused{0};

} // namespace no_descriptors

extern "C" int accept(int listening, sockaddr* from, socklen_t* size) {
  if (!no_descriptors::left) {
    ++no_descriptors::refused;
    errno = EMFILE;
    return -1;
  }
  return ::accept4(listening, from, size, 0);
}

namespace {

struct reply {
  int status = 0; // 0: none came
  std::string header;
  std::string body;

  bool says(std::string_view line) const {
    return header.find("\r\n" + std::string{line} + "\r\n") != std::string::npos;
  }
};

reply read_reply(loopback::peer& from) {
  reply got;
  got.header = from.read_header();
  if (!got.header.starts_with("HTTP/1.1 "))
    return got;
  got.status = std::stoi(got.header.substr(9));
  const std::string length = "Content-Length: ";
  if (const auto at = got.header.find(length); at != std::string::npos)
    got.body = from.read(std::stoul(got.header.substr(at + length.size())));
  return got;
}

std::string post(std::string_view body, std::string_view headers = "",
                 std::string_view query = "") {
  return "POST /events" + std::string{query} + " HTTP/1.1\r\nHost: a\r\n" + std::string{headers}
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

/// One that is answered by what becomes of its events.
std::string post_stored(std::string_view body) { return post(body, "", "?wait=stored"); }

reply ask(loopback::peer& over, std::string_view request) {
  over.send(request);
  return read_reply(over);
}

std::vector<std::string> texts_of(const std::vector<text_event>& events) {
  std::vector<std::string> all;
  for (const auto& one : events)
    all.push_back(one.text);
  return all;
}

/// A server in front of a sink that may be held up.
class EventsServer : public testing::Test {
protected:
  void start(http::events_options options = {}, std::uint32_t mailbox_capacity = 1024) {
    options.state = shown_;
    weir::pipeline made{"events"};
    made.from("http", http::events{std::move(options)})
        .to("keep",
            [this](const text_event& one) noexcept {
              if (held_up_)
                gate_.pass();
              kept_.add(one);
            },
            {.mailbox_capacity = mailbox_capacity});
    pipeline_.emplace(std::move(made));
    EXPECT_TRUE(eventually([&] { return shown_->port != 0; }));
  }
  void TearDown() override {
    gate_.open();
    if (!pipeline_)
      return;
    (*pipeline_)->drain();
    pipeline_->finishes();
  }

  loopback::peer connect() const { return loopback::peer::connect_to(shown_->port); }
  reply ask(std::string_view request) const {
    auto over = connect();
    return ::ask(over, request);
  }
  std::vector<std::string> texts() const { return texts_of(kept_.items()); }
  bool stored(std::size_t count) const {
    return eventually([&] { return kept_.size() >= count; }) && kept_.size() == count;
  }
  /// The ledger may be a moment behind the answer.
  bool admitted(std::uint64_t count) const {
    return eventually([&] { return pipeline_->ledger().admitted >= count; })
           && pipeline_->ledger().admitted == count;
  }

  const std::shared_ptr<http::listener_state> shown_ = std::make_shared<http::listener_state>();
  std::atomic<bool> held_up_{false};
  const gate gate_;
  const collected<text_event> kept_;
  std::optional<running_on_threads> pipeline_;
};

} // namespace

// --- what is taken -------------------------------------------------------------------------------

TEST_F(EventsServer, AnEventIsAnswered202OnceItIsAdmitted) {
  start();
  const auto got = ask(post("{\"id\": \"a\"}"));
  EXPECT_EQ(got.status, 202) << got.header;
  EXPECT_EQ(got.body, "{\"admitted\": 1}");
  EXPECT_TRUE(stored(1));
  EXPECT_EQ(kept_.items()[0], (text_event{.text = "{\"id\": \"a\"}", .number = 1, .length = 11}));
}

TEST_F(EventsServer, EveryLineIsAnEventAndBlankOnesDontCount) {
  start({.resume_after = 40});
  EXPECT_EQ(ask(post("one\r\n\n  \ntwo\nthree", "Content-Type: application/x-ndjson\r\n")).body,
            "{\"admitted\": 3}");
  EXPECT_EQ(ask(post("four\n")).status, 202);
  EXPECT_TRUE(stored(4));
  EXPECT_EQ(texts(), (std::vector<std::string>{"one", "two", "three", "four"}));
  EXPECT_EQ(kept_.items()[0].number, 41U);
  EXPECT_EQ(kept_.items()[3].number, 44U);
}

TEST_F(EventsServer, RequestsFollowEachOtherOnOneConnection) {
  start();
  auto over = connect();
  EXPECT_EQ(::ask(over, post("1")).status, 202);
  over.send(post("2") + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + post("3"));
  EXPECT_EQ(read_reply(over).status, 202);
  EXPECT_EQ(read_reply(over).status, 200);
  EXPECT_EQ(read_reply(over).status, 202);
  EXPECT_TRUE(stored(3));
  EXPECT_EQ(texts(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(EventsServer, TakesChunkedBodiesAndTellsWhoAsksToGoOn) {
  start();
  EXPECT_EQ(ask("POST /events?a=b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                "chunked\r\n\r\n4\r\none\n\r\n3\r\ntwo\r\n0\r\n\r\n")
                .status,
            202);
  auto over = connect();
  over.send(
      "POST /events HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(over.read_header(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(::ask(over, "three").status, 202);
  EXPECT_TRUE(stored(3));
  EXPECT_EQ(texts(), (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(EventsServer, SaysThatItIsWell) {
  start();
  EXPECT_EQ(ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  EXPECT_EQ(ask("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

TEST(EventsInABody, AreItsLinesUnlessItIsOneJsonText) {
  const auto texts = [](std::string_view body, std::string_view type) {
    return texts_of(http::events_in(body, type, 3));
  };
  using list = std::vector<std::string>;
  const std::string printed = "{\n  \"id\": \"a\"\n}\n";
  EXPECT_EQ(texts(printed, "application/json"), list{printed});
  EXPECT_EQ(texts(printed, "Application/JSON; charset=utf-8"), list{printed});
  EXPECT_EQ(texts(printed, "application/json-seq"), (list{"{", "  \"id\": \"a\"", "}"}));
  EXPECT_EQ(texts(printed, ""), (list{"{", "  \"id\": \"a\"", "}"}));
  EXPECT_EQ(texts("{1}\r\n {2} \n", "application/json"), (list{"{1}", " {2} "}));
  EXPECT_EQ(texts("{1}\n{2\n", "application/json"), list{"{1}\n{2\n"});
  EXPECT_EQ(texts("[1,2]", "application/json"), list{"[1,2]"});
  EXPECT_EQ(texts(std::string{"a\0b\n", 4}, ""), (list{std::string{"a\0b", 3}}));
  EXPECT_EQ(texts(" \r\n\n", "application/json"), list{});
  EXPECT_EQ(texts("", ""), list{});
  EXPECT_EQ(texts("1\n2\n3\n4\n5\n", "").size(), 4U)
      << "one more than allowed shows that it is too many";
}

// --- what is refused -----------------------------------------------------------------------------

TEST_F(EventsServer, WhatIsNoSuchRequestIsAnsweredWithAProblem) {
  start({.request_events_max = 3, .body_max = 100, .header_max = 1000});
  const std::string json = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ";
  const std::pair<int, std::string> requests[] = {
      {404, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {404, "POST /event HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"},
      {405, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {405, "DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n"},
      {400, post("")},
      {400, post("\n \r\n")},
      {400, post("1", "", "?wait=later")},
      {400, post("1", "", "?a=b&wait")},
      {413, post("1\n2\n3\n4\n")},
      {413, post(std::string(101, 'x'))},
      {413, "POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
                + std::string(101, 'x')},
      {431, json + std::string(1000, 'x') + "\r\n\r\n"},
      {400, "this is no HTTP\r\n\r\n"},
      {400, "POST /events HTTP/1.1\r\nContent-Length: many\r\n\r\n"},
      // What two readers could read in two ways.
      {400,
       "POST /events HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400,
       "POST /events HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
      {400, "POST /events HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12"},
      {400, "POST /events HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n12"},
      {400, "POST /events HTTP/1.1\r\nContent-Length: +1\r\n\r\n1"},
      {400, "POST /events HTTP/1.1\r\nContent-Length : 1\r\n\r\n1"},
      {400, "POST /events HTTP/1.1\nContent-Length: 1\n\n1"},
      {400, "POST /events HTTP/1.1\r\nX: a\nContent-Length: 1\r\n\r\n1"},
      {400, "POST /events HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nContent-Length: 1\r\n\r\n1"},
      {400,
       "POST /events HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n1\r\n1\r\n0\r\n\r\n"},
      {400, "POST /events HTTP/1.1\r\nX: a\r\n Content-Length: 1\r\n\r\n1"},
  };
  for (const auto& [status, request] : requests) {
    const auto got = ask(request);
    EXPECT_EQ(got.status, status) << request;
    EXPECT_TRUE(got.says("Content-Type: application/problem+json")) << got.header;
    EXPECT_THAT(got.body, HasSubstr("\"status\": " + std::to_string(status) + ", \"detail\": \""))
        << request;
  }
  EXPECT_TRUE(ask("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").says("Allow: POST"));
  EXPECT_EQ(ask(post("1\n2\n3")).status, 202) << "and it still serves";
  EXPECT_TRUE(admitted(3));
}

TEST_F(EventsServer, AnAnswerReachesWhoStillSends) {
  start({.body_max = 100});
  auto over = connect();
  EXPECT_TRUE(over.send(post(std::string(500'000, 'x'))));
  const auto got = read_reply(over);
  EXPECT_EQ(got.status, 413);
  EXPECT_TRUE(got.says("Connection: close"));
  EXPECT_TRUE(over.sees_an_orderly_end());
}

TEST_F(EventsServer, MoreConnectionsThanAllowedWaitToBeAccepted) {
  start({.connections_max = 2});
  auto first = connect();
  auto second = connect();
  EXPECT_EQ(::ask(first, post("1")).status, 202);
  EXPECT_EQ(::ask(second, post("2")).status, 202);
  auto third = connect(); // by the kernel
  third.send(post("3"));
  EXPECT_EQ(shown_->connections, 2U);
  EXPECT_EQ(::ask(second, post("4")).status, 202);
  EXPECT_TRUE(admitted(3));
  first.close();
  EXPECT_EQ(read_reply(third).status, 202);
}

// --- credit --------------------------------------------------------------------------------------

TEST_F(EventsServer, ARequestThatWaitsIsAdmittedWhenThereIsCredit) {
  held_up_ = true;
  start({.admission_wait = 10s}, 4);
  EXPECT_EQ(ask(post("1\n2\n3")).status, 202);
  auto waiting = connect();
  waiting.send(post("4\n5"));
  EXPECT_TRUE(eventually([&] { return shown_->waiting == 1; }));
  auto other = connect();
  for (int k = 0; k < 50; ++k) // meanwhile the source has found out that there is no room, too
    EXPECT_EQ(::ask(other, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  gate_.open();
  EXPECT_EQ(read_reply(waiting).status, 202);
  EXPECT_EQ(shown_->waiting, 0U);
  EXPECT_TRUE(stored(5));
}

TEST_F(EventsServer, MoreRequestsThanMayWaitAreRefusedAtOnce) {
  held_up_ = true;
  start({.waiting_max = 1, .admission_wait = 10s}, 4);
  EXPECT_EQ(ask(post("1\n2\n3\n4")).status, 202);
  auto waiting = connect();
  waiting.send(post("5"));
  EXPECT_TRUE(eventually([&] { return shown_->waiting == 1; }));
  const auto refused = ask(post("6"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("too many requests wait already"));
  gate_.open();
  EXPECT_EQ(read_reply(waiting).status, 202);
}

/// Wherever in the mailbox the last one ended, and however little room a turn has because of that.
TEST_F(EventsServer, ThereIsRoomForARequestWhereverTheLastOneEnded) {
  start({}, 8);
  auto over = connect();
  std::vector<std::string> expected;
  for (int n = 0; n < 50; ++n) {
    std::string body;
    for (int k = 0; k < 5 + n % 3; ++k) {
      expected.push_back(std::to_string(n) + "." + std::to_string(k));
      body += expected.back() + "\n";
    }
    EXPECT_EQ(::ask(over, post(body)).status, 202);
  }
  EXPECT_TRUE(stored(expected.size()));
  EXPECT_EQ(texts(), expected);
}

TEST_F(EventsServer, ARequestIsAdmittedAtOnceHoweverManyItemsATurnOfferAtFirst) {
  start({.admission_wait = 10s});
  std::string body;
  for (int k = 0; k < 500; ++k)
    body += std::to_string(k) + "\n";
  EXPECT_EQ(ask(post(body)).body, "{\"admitted\": 500}");
  EXPECT_TRUE(stored(500));
}

TEST_F(EventsServer, ALongRequestIsAdmittedPieceByPiece) {
  start({}, 16);
  std::string body;
  std::vector<std::string> expected;
  for (int k = 0; k < 1000; ++k) {
    expected.push_back(std::to_string(k));
    body += expected.back() + "\n";
  }
  EXPECT_EQ(ask(post(body)).body, "{\"admitted\": 1000}");
  EXPECT_TRUE(stored(1000));
  EXPECT_EQ(texts(), expected);
}

TEST_F(EventsServer, WhatWasAnswered202AndNothingElseIsThere) {
  start({.waiting_max = 4, .admission_wait = 20ms}, 8);
  std::vector<std::thread> clients;
  std::atomic<std::size_t> taken{0};
  std::atomic<int> refused{0};
  for (int k = 0; k < 8; ++k)
    clients.emplace_back([&, k] {
      auto over = connect();
      for (int n = 0; n < 100; ++n) {
        std::string body;
        const auto events = static_cast<std::size_t>(1 + (n + k) % 5);
        for (std::size_t e = 0; e < events; ++e)
          body += std::to_string(k) + "." + std::to_string(n) + "\n";
        const auto got = ::ask(over, post(body));
        EXPECT_TRUE(got.status == 202 || got.status == 429) << got.header;
        got.status == 202 ? void(taken += events) : void(++refused);
      }
    });
  for (auto& one : clients)
    one.join();
  EXPECT_TRUE(stored(taken));
  EXPECT_TRUE(admitted(taken));
}

// --- times ---------------------------------------------------------------------------------------

namespace {

/// A server whose time passes when the test says so, in front of a sink that takes what the test asks for. All
/// turns are the test's thread's; its clients are threads of their own, as an answer takes real time.
class EventsServerTimes : public testing::Test {
protected:
  void start(http::events_options options, std::uint32_t mailbox_capacity = 1024) {
    options.state = shown_;
    weir::pipeline made{"events"};
    made.from("http", http::events{std::move(options)})
        .to("keep", kept_, {.mailbox_capacity = mailbox_capacity});
    run(std::move(made));
  }
  /// In front of the sink, what becomes of an event is decided by this. One that runs again does so an hour later, and
  /// holds up no other.
  using decision = std::function<weir::result<std::optional<text_event>>(const text_event&)>;
  void start_with(decision decide, http::events_options options = {}) {
    options.state = shown_;
    weir::pipeline made{"events"};
    made.from("http", http::events{std::move(options)})
        .via("decide",
             [decide = std::move(decide)](const text_event& one)
                 -> weir::result<std::optional<text_event>> { return decide(one); },
             {.retry = {.delay_min = 1h, .delay_max = 1h, .jitter = 0},
              .in_flight_max = 4,
              .order = weir::order::relaxed})
        .to("keep", kept_);
    kept_.request(1000);
    run(std::move(made));
  }
  /// Event "slow" runs three times.
  static decision busy_twice() {
    return [runs = std::make_shared<int>(0)](
               const text_event& one) -> weir::result<std::optional<text_event>> {
      if (one.text == "slow" && ++*runs < 3)
        return weir::transient("the line is busy");
      return std::optional{one};
    };
  }
  void run(weir::pipeline made) {
    made.dead_letters_to(letters_);
    pipeline_ = &node_.run(std::move(made));
    ASSERT_TRUE(happens([&] { return shown_->port != 0; }));
  }
  void TearDown() override {
    no_descriptors::left = true;
    for (auto& one : clients_)
      one.join();
    if (pipeline_ == nullptr)
      return;
    kept_.request(1000);
    EXPECT_EQ(node_.drain(*pipeline_), state::finished);
  }

  /// Takes turns until something is so.
  template <class Fact>
  bool happens(Fact fact) {
    return eventually([&] {
      node_.settle();
      return fact();
    });
  }
  /// What a client of its own is to be answered.
  std::shared_ptr<std::future<reply>> begin(std::string request) {
    std::packaged_task<reply()> asking{[this, text = std::move(request)] {
      auto over = loopback::peer::connect_to(shown_->port);
      return ::ask(over, text);
    }};
    auto made = std::make_shared<std::future<reply>>(asking.get_future());
    clients_.emplace_back(std::move(asking));
    return made;
  }
  reply finish(const std::shared_ptr<std::future<reply>>& asked) {
    EXPECT_TRUE(happens([&] { return answered(asked); }));
    return asked->get();
  }
  reply ask(std::string request) { return finish(begin(std::move(request))); }
  /// One that waits for what becomes of its events, of which so many are admitted by then.
  std::shared_ptr<std::future<reply>> begin_stored(std::string_view body,
                                                   std::uint64_t then_admitted) {
    const auto before = shown_->waiting_for_answers.load();
    auto asked = begin(post_stored(body));
    EXPECT_TRUE(happens(
        [&] { return shown_->waiting_for_answers == before + 1 && admitted() == then_admitted; }));
    return asked;
  }
  static bool answered(const std::shared_ptr<std::future<reply>>& asked) {
    return asked->wait_for(0s) == std::future_status::ready;
  }
  /// A request that waits for credit, for just so long.
  reply waits(std::string request, std::chrono::milliseconds time) {
    const auto asked = begin(std::move(request));
    EXPECT_TRUE(happens([&] { return shown_->waiting == 1; }));
    node_.pass(time - 1ms);
    EXPECT_EQ(shown_->waiting, 1U) << "it still waits";
    node_.pass(1ms);
    EXPECT_EQ(shown_->waiting, 0U);
    return finish(asked);
  }
  std::vector<std::string> texts() const { return texts_of(kept_.items()); }
  std::uint64_t admitted() const { return pipeline_->snapshot().ledger.admitted; }

  node node_;
  const std::shared_ptr<http::listener_state> shown_ = std::make_shared<http::listener_state>();
  const sink_probe<text_event> kept_ = sink_probe<text_event>::on_request();
  weir::dead_letters::memory letters_;
  weir::running_pipeline* pipeline_ = nullptr;
  std::vector<std::thread> clients_;
};

} // namespace

TEST_F(EventsServerTimes, WithoutCreditARequestWaitsIsRefusedAndNothingOfItIsAdmitted) {
  start({.admission_wait = 1s}, 4);
  EXPECT_EQ(ask(post("1\n2\n3")).status, 202);
  const auto refused = waits(post("4\n5"), 1s);
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.says("Retry-After: 1")) << refused.header;
  EXPECT_EQ(admitted(), 3U);
  EXPECT_EQ(ask(post("6")).status, 202) << "for one there is room";
  EXPECT_EQ(waits(post("7"), 1s).status, 429);
  EXPECT_EQ(admitted(), 4U);
  kept_.request(100);
  EXPECT_EQ(ask(post("8\n9")).status, 202);
  node_.settle();
  EXPECT_EQ(texts(), (std::vector<std::string>{"1", "2", "3", "6", "8", "9"}));
}

TEST_F(EventsServerTimes, ALongRequestThatStaysHalfwaySaysHowMuchOfItIsAdmitted) {
  start({.admission_wait = 1s, .completion_wait = 2s}, 16);
  std::string body;
  for (int k = 0; k < 100; ++k)
    body += std::to_string(k) + "\n";
  const auto got = waits(post(body), 3s); // it has begun when the first wait is over
  EXPECT_EQ(got.status, 503);
  EXPECT_THAT(got.body, HasSubstr("\"admitted\": 16}"));
  EXPECT_EQ(waits(post("x"), 1s).status, 429);
  kept_.request(100);
  EXPECT_EQ(ask(post("x")).status, 202);
  node_.settle();
  EXPECT_EQ(kept_.items().size(), 17U);
  EXPECT_EQ(admitted(), 17U) << "nothing of the rest came later";
}

TEST_F(EventsServerTimes, ASlowOrIdleConnectionIsCutOffInItsTimeAndNotBefore) {
  start({.request_timeout = 1h, .idle_timeout = 2h});
  auto idle = loopback::peer::connect_to(shown_->port);
  auto slow = loopback::peer::connect_to(shown_->port);
  auto slower = loopback::peer::connect_to(shown_->port);
  slow.send("POST /events HTTP/1.1\r\nHost");
  slower.send("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123");
  ASSERT_TRUE(happens([&] { return shown_->connections == 3; }));
  node_.pass(1h - 1ms);
  EXPECT_EQ(shown_->connections, 3U);
  node_.pass(1ms);
  EXPECT_EQ(shown_->connections, 1U);
  EXPECT_TRUE(slow.sees_the_end());
  EXPECT_TRUE(slower.sees_the_end());
  node_.pass(1h - 1ms);
  EXPECT_EQ(shown_->connections, 1U);
  node_.pass(1ms);
  EXPECT_EQ(shown_->connections, 0U);
  EXPECT_TRUE(idle.sees_the_end());
}

TEST_F(EventsServerTimes, WithoutDescriptorsItWaitsForOneAndDoesNotSpin) {
  start({});
  no_descriptors::refused = 0;
  no_descriptors::left = false;
  const auto asked = begin(post("1"));
  ASSERT_TRUE(happens([] { return no_descriptors::refused >= 1; }));
  const int first = no_descriptors::refused;
  for (int k = 0; k < 100; ++k)
    node_.settle();
  node_.pass(99ms);
  EXPECT_EQ(no_descriptors::refused, first) << "it waits before it tries again";
  node_.pass(1ms);
  ASSERT_TRUE(happens([&] { return no_descriptors::refused > first; }));
  EXPECT_EQ(shown_->connections, 0U);
  no_descriptors::left = true;
  node_.pass(100ms);
  EXPECT_EQ(finish(asked).status, 202);
}

// --- answers that wait ---------------------------------------------------------------------------

TEST_F(EventsServerTimes, WhoWaitsForTheStoreIsAnsweredOnceItHasAllEvents) {
  start({});
  const auto asked = begin_stored("1\n2", 2);
  kept_.request(1);
  node_.settle();
  EXPECT_EQ(shown_->waiting_for_answers, 1U);
  EXPECT_FALSE(answered(asked));
  kept_.request(1);
  const auto got = finish(asked);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "{\"admitted\": 2, \"acknowledged\": 2, \"filtered\": 0}");
  EXPECT_EQ(shown_->waiting_for_answers, 0U);
}

TEST_F(EventsServerTimes, AFilteredEventIsAsGoodAsAStoredOne) {
  start_with(
      [](const text_event& one) { return one.text == "drop" ? std::nullopt : std::optional{one}; });
  EXPECT_EQ(ask(post_stored("1\ndrop\n2")).body,
            "{\"admitted\": 3, \"acknowledged\": 2, \"filtered\": 1}");
}

TEST_F(EventsServerTimes, ADeadLetterIsAnswered422AndSaysWhichItIs) {
  start_with([](const text_event& one) -> weir::result<std::optional<text_event>> {
    if (one.text.starts_with("bad"))
      return weir::poison("a bad one");
    return std::optional{one};
  });
  EXPECT_EQ(ask(post("0")).status, 202);
  const auto got = ask(post_stored("1\nbad\n2\nbad too"));
  EXPECT_EQ(got.status, 422);
  EXPECT_TRUE(got.says("Content-Type: application/problem+json")) << got.header;
  ASSERT_EQ(letters_.letters().size(), 2U);
  const auto source = letters_.letters()[0].source;
  EXPECT_THAT(source, testing::StartsWith("http@")) << "and which life of it";
  EXPECT_THAT(got.body, HasSubstr("\"admitted\": 4, \"events\": ["
                                  "{\"index\": 1, \"outcome\": \"dead_lettered\", \"source\": \""
                                  + source
                                  + "\", \"position\": 3}, "
                                    "{\"index\": 3, \"outcome\": \"dead_lettered\", \"source\": \""
                                  + source + "\", \"position\": 5}]}"));
  EXPECT_EQ(letters_.letters()[0].position, 3U);
}

TEST_F(EventsServerTimes, WhatTakesTooLongIsAnswered504AndGoesOn) {
  start({.answer_within = 2s});
  const auto asked = begin_stored("1\n2", 2);
  node_.pass(2s - 1ms);
  EXPECT_EQ(shown_->waiting_for_answers, 1U);
  node_.pass(1ms);
  const auto got = finish(asked);
  EXPECT_EQ(got.status, 504);
  EXPECT_THAT(got.body, HasSubstr("they are admitted, and go on\", \"admitted\": 2}"));
  EXPECT_EQ(shown_->waiting_for_answers, 0U);
  kept_.request(100);
  EXPECT_EQ(ask(post_stored("3")).status, 200);
  EXPECT_EQ(texts(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(EventsServerTimes, MoreThanMayWaitForTheirAnswersAreRefusedAtOnce) {
  start({.waiting_for_answers_max = 1});
  const auto asked = begin_stored("1", 1);
  const auto refused = ask(post_stored("2"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("too many requests wait for their answers already"));
  EXPECT_EQ(ask(post("3")).status, 202) << "who doesn't wait is taken";
  kept_.request(100);
  EXPECT_EQ(finish(asked).status, 200);
  EXPECT_EQ(ask(post_stored("4")).status, 200);
  EXPECT_EQ(texts(), (std::vector<std::string>{"1", "3", "4"}));
}

TEST_F(EventsServerTimes, WhetherAnAnswerWaitsIsAnOptionThatARequestMayOverride) {
  start({.wait_for_stored = true});
  EXPECT_EQ(ask(post("1", "", "?a=b&wait=admitted")).status, 202);
  const auto asked = begin(post("2"));
  EXPECT_TRUE(happens([&] { return shown_->waiting_for_answers == 1 && admitted() == 2; }));
  kept_.request(100);
  EXPECT_EQ(finish(asked).status, 200);
}

TEST_F(EventsServerTimes, AnEventThatRunsAgainDoesNotDelayTheAnswersOfOthers) {
  start_with(busy_twice(), {.answer_within = 2h});
  const auto slow = begin_stored("slow", 1);
  for (const std::string text : {"a", "b", "c"})
    EXPECT_EQ(ask(post_stored(text)).status, 200);
  EXPECT_FALSE(answered(slow));
  node_.pass(1h);
  EXPECT_EQ(finish(slow).status, 200);
  EXPECT_EQ(texts(), (std::vector<std::string>{"a", "b", "c", "slow"}));
}

TEST_F(EventsServerTimes, OneHundredThatWaitAreAnsweredThoughTheFirstRunsAgain) {
  start_with(busy_twice(), {.waiting_max = 200, .answer_within = 2h});
  const auto slow = begin_stored("slow", 1);
  std::vector<std::shared_ptr<std::future<reply>>> all;
  for (int k = 0; k < 100; ++k)
    all.push_back(begin(post_stored(std::to_string(k))));
  ASSERT_TRUE(happens([&] { return admitted() == 101; }));
  node_.pass(10ms); // where many wait, it looks once a millisecond
  for (const auto& one : all)
    EXPECT_EQ(finish(one).status, 200);
  EXPECT_FALSE(answered(slow));
  node_.pass(1h);
  EXPECT_EQ(finish(slow).status, 200);
}

TEST_F(EventsServerTimes, InADrainWhoWaitsIsAnsweredWhenTheEventsAreStored) {
  start({});
  const auto asked = begin_stored("1\n2", 2);
  pipeline_->drain();
  node_.settle();
  EXPECT_EQ(shown_->waiting_for_answers, 1U);
  EXPECT_EQ(ask(post_stored("3")).status, 503);
  kept_.request(100);
  EXPECT_EQ(finish(asked).status, 200);
}

TEST(EventsServerAbort, WhoWaitsIsAnswered503) {
  const auto shown = std::make_shared<http::listener_state>();
  const gate door;
  weir::pipeline made{"events"};
  made.from("http", http::events{{.state = shown}}).to("keep", [door](const text_event&) noexcept {
    door.pass();
  });
  weir::runtime node{{.threads = 2}}; // it writes the answer when the pipeline has gone
  std::optional<weir::running_pipeline> pipeline;
  pipeline.emplace(std::move(made), node);
  ASSERT_TRUE(pipeline->start());
  ASSERT_TRUE(eventually([&] { return shown->port != 0; }));
  auto over = loopback::peer::connect_to(shown->port);
  over.send(post_stored("1\n2"));
  ASSERT_TRUE(door.wait_for(1));
  pipeline->abort();
  door.open();
  pipeline.reset();
  const auto got = read_reply(over);
  EXPECT_EQ(got.status, 503);
  EXPECT_TRUE(got.says("Retry-After: 5")) << got.header;
  EXPECT_THAT(got.body, HasSubstr("\"admitted\": 2}"));
}

// --- the end -------------------------------------------------------------------------------------

TEST_F(EventsServer, WhileThePipelineDrainsEverythingIsAnswered503) {
  held_up_ = true;
  start({.admission_wait = 10s}, 4);
  EXPECT_EQ(ask(post("1\n2\n3\n4")).status, 202);
  auto idle = connect();
  EXPECT_EQ(::ask(idle, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  auto waiting = connect();
  waiting.send(post("5"));
  EXPECT_TRUE(eventually([&] { return shown_->waiting == 1; }));
  (*pipeline_)->drain();
  for (const auto& got : {read_reply(waiting), ::ask(idle, post("6")), ask(post("7")),
                          ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")}) {
    EXPECT_EQ(got.status, 503) << got.header;
    EXPECT_TRUE(got.says("Connection: close")) << got.header;
    EXPECT_TRUE(got.says("Retry-After: 5")) << got.header;
  }
  gate_.open();
  pipeline_->finishes();
  EXPECT_EQ(texts(), (std::vector<std::string>{"1", "2", "3", "4"}));
}

TEST_F(EventsServer, WithThePipelineTheServerIsGone) {
  held_up_ = true;
  start({.admission_wait = 10s}, 1);
  const std::uint16_t port = shown_->port;
  EXPECT_EQ(ask(post("1")).status, 202);
  auto idle = connect();
  auto half = connect();
  half.send("POST /events HTTP/1.1\r\n");
  auto waiting = connect();
  waiting.send(post("2"));
  EXPECT_TRUE(eventually([&] { return shown_->waiting == 1 && shown_->connections == 3; }));
  (*pipeline_)->abort();
  gate_.open();
  pipeline_.reset();
  EXPECT_TRUE(idle.sees_the_end());
  EXPECT_TRUE(half.sees_the_end());
  EXPECT_TRUE(waiting.sees_the_end());
  const loopback::server next{[](loopback::peer&, int) {}, port};
  EXPECT_EQ(next.port(), port) << "the port is free again";
}

TEST(EventsServerRestart, AnswersWhatWaitedAndFindsItsPortAndItsNumbersAgain) {
  const auto shown = std::make_shared<http::listener_state>();
  const collected<text_event> kept;
  weir::pipeline made{"events", restarting(5, weir::one_for_all)};
  const auto failed = std::make_shared<std::atomic<bool>>(false);
  const gate door;
  made.from("http", http::events{{.admission_wait = 10s, .state = shown}})
      .via("trip",
           [failed, door](const text_event& one) {
             if (one.text == "2" && !failed->exchange(true)) {
               door.pass();
               throw std::runtime_error{"once"};
             }
             return one;
           },
           {.mailbox_capacity = 1, .retry = at_once()})
      .to("keep", kept.sink());
  made.dead_letters_to(weir::dead_letters::memory{});
  running_on_threads pipeline{std::move(made)};
  ASSERT_TRUE(eventually([&] { return shown->port != 0; }));
  const std::uint16_t port = shown->port;
  for (const std::string text : {"1", "2"}) {
    auto over = loopback::peer::connect_to(port);
    EXPECT_EQ(ask(over, post(text)).status, 202);
  }
  auto waiting = loopback::peer::connect_to(port);
  waiting.send(post("not admitted"));
  EXPECT_TRUE(eventually([&] { return shown->waiting == 1; }));
  door.open();
  EXPECT_EQ(read_reply(waiting).status, 503);
  ASSERT_TRUE(eventually([&] { return pipeline.stage("http").restarts == 1; }));
  ASSERT_TRUE(eventually([&] { return kept.size() == 2; }));
  // For a moment it is the old server that answers, or nobody.
  EXPECT_TRUE(eventually([&] {
    auto over = loopback::peer::connect_to(port);
    return ask(over, post("3")).status == 202;
  }));
  ASSERT_TRUE(eventually([&] { return kept.size() == 3; }));
  EXPECT_EQ(kept.items()[2].number, 3U);
  pipeline->drain();
  pipeline.finishes();
}

TEST(EventsServerStart, SaysWhyItCantListen) {
  const auto failure_of = [](const std::string& where) {
    weir::pipeline made{"events", restarting(0)};
    made.from("http", http::events{{.listen = where}})
        .to("nowhere", [](const text_event&) noexcept {});
    running_on_threads pipeline{std::move(made)};
    EXPECT_EQ(pipeline.ended(), state::failed);
    return pipeline->why().message();
  };
  for (const std::string no_address : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port",
                                       "127.0.0.1:65536", "example.org:80", "127.0.0.1:80 "})
    EXPECT_THAT(failure_of(no_address),
                HasSubstr("can't listen on '" + no_address
                          + "': expected ADDRESS:PORT, as in 127.0.0.1:8080"));
  EXPECT_THAT(failure_of("0.0.0.0:0"),
              HasSubstr("only loopback addresses, as there is no authentication"));
  const loopback::server taken{[](loopback::peer&, int) {}};
  const auto address = "127.0.0.1:" + std::to_string(taken.port());
  EXPECT_THAT(failure_of(address),
              HasSubstr("can't listen on " + address + ": Address already in use"));
}
