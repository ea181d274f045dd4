#include "../sanitized.hpp"
#include "asking.hpp"
#include "gzip.hpp"

#include <weir/actors/virtual_time.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/testkit/node.hpp>

#include <array>
#include <atomic>
#include <cstdint>

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <sys/resource.h>

using namespace std::chrono_literals;
using asking::answer;
using asking::echo;
using testing::HasSubstr;
using testing::Not;
using weir_test::gzip;
namespace asio = boost::asio;
namespace http = weir::http;

namespace {

/// Listens on ::1, and takes no connection: as behind a wall that swallows what is sent there.
class silent_address {
public:
  explicit silent_address(std::uint16_t port)
      : listening_{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    where_.sin6_family = AF_INET6;
    where_.sin6_port = htons(port);
    where_.sin6_addr = in6addr_loopback;
    there_ = listening_ >= 0 && ::bind(listening_, address(), sizeof where_) == 0
             && ::listen(listening_, 0) == 0;
    for (auto& one : waiting_) { // from now on nobody else is let in
      one = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(one, address(), sizeof where_);
    }
  }
  silent_address(const silent_address&) = delete;
  silent_address& operator=(const silent_address&) = delete;
  ~silent_address() {
    for (const int one : waiting_)
      ::close(one);
    ::close(listening_);
  }

  bool there() const { return there_; }

private:
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&where_); }

  sockaddr_in6 where_{};
  const int listening_;
  bool there_ = false;
  std::array<int, 8> waiting_{};
};

asio::awaitable<void> get_into(http::client client, std::string target,
                               std::vector<std::string>& answers) {
  const auto got = co_await client.get(target);
  answers.push_back(got ? got->body : got.error().message());
}

class ClientFaults : public asking::client_test {};

} // namespace

// --- answers -------------------------------------------------------------------------------------

TEST_F(ClientFaults, AnswersAreAskedForWithGzipAndDecoded) {
  std::string seen;
  const loopback::server server{[&](loopback::peer& with, int) {
    seen = with.read_header();
    with.send(answer(gzip("a text, a text, a text"), "Content-Encoding: gzip\r\n"));
  }};
  EXPECT_EQ(get(http::client{{.base_url = server.url()}}, "/"), "200 a text, a text, a text");
  EXPECT_THAT(seen, HasSubstr("\r\nAccept-Encoding: gzip\r\n"));
}

TEST_F(ClientFaults, TheLimitOfABodyCountsWhatItIsOnceItIsDecoded) {
  const loopback::server server{[](loopback::peer& with, int connection) {
    with.read_header();
    const auto size = connection == 0 ? 1'000'000U : 1000U;
    with.send(answer(gzip(std::string(size, 'x')), "Content-Encoding: gzip\r\n"));
    with.close();
  }};
  const http::client client{{.base_url = server.url(), .body_max = 1000}};
  EXPECT_EQ(get(client, "/"),
            "transient: GET " + server.url() + ": the answer is longer than 1000 bytes");
  EXPECT_EQ(get(client, "/"), "200 " + std::string(1000, 'x'));
}

TEST_F(ClientFaults, ABrokenEncodingIsATransientFailure) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.send(answer("no gzip at all", "Content-Encoding: gzip\r\n"));
  }};
  EXPECT_THAT(get(http::client{{.base_url = server.url()}}, "/"),
              testing::StartsWith("transient: GET " + server.url() + ": "));
}

TEST_F(ClientFaults, AStatusLineMayEndWithItsStatus) {
  const loopback::server server{[](loopback::peer& with, int connection) {
    with.read_header();
    with.send(connection == 0 ? "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"
                              : "HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno");
    with.close();
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(get(client, "/"), "200 ok");
  EXPECT_EQ(get(client, "/"), "404 no");
}

/// The second answer comes when nobody has asked: it must not be what the next request is given.
TEST_F(ClientFaults, AnAnswerThatNobodyAskedForIsNobodys) {
  std::atomic<bool> said{false};
  weir_test::gate gate;
  const loopback::server server{[&](loopback::peer& with, int connection) {
    if (connection > 0)
      return echo(with, connection);
    with.read_header();
    with.send(answer("first"));
    gate.pass();
    with.send(answer("not yours"));
    said = true;
    with.sees_the_end();
  }};
  const http::client client{{.base_url = server.url()}};
  EXPECT_EQ(get(client, "/1"), "200 first");
  gate.open();
  ASSERT_TRUE(weir_test::eventually([&] { return said.load(); }));
  EXPECT_EQ(get(client, "/2"), "200 /2");
  EXPECT_EQ(get(client, "/3"), "200 /3");
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(ClientFaults, HeadersOfTheAnswerAreThoseOfTheLastOne) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.send("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
              "HTTP/1.1 200 OK\r\nETag:  \"x\" \r\nTransfer-Encoding: chunked\r\n\r\n"
              "2\r\nok\r\n0\r\nTrailer: t\r\n\r\n");
  }};
  const auto one = begin(http::client{{.base_url = server.url()}}, "/");
  EXPECT_EQ(finish(one), "200 ok");
  EXPECT_EQ((*one->answer)->headers,
            (std::vector<http::header>{{"etag", "\"x\""}, {"transfer-encoding", "chunked"}}));
  EXPECT_EQ((*one->answer)->value_of("etag"), "\"x\"");
  EXPECT_EQ((*one->answer)->value_of("link"), "");
}

// --- addresses -----------------------------------------------------------------------------------

TEST_F(ClientFaults, AnAddressThatIsSilentOrRefusesIsLeftForTheNext) {
  const loopback::server server{echo}; // on 127.0.0.1 only
  const auto url = "http://localhost:" + std::to_string(server.port());
  EXPECT_EQ(get(http::client{{.base_url = url}}, "/refused"), "200 /refused");
  const silent_address first{server.port()};
  if (!first.there())
    GTEST_SKIP() << "there is no ::1 here, so nothing can be silent on it";
  EXPECT_EQ(get(http::client{{.base_url = url}}, "/silent"), "200 /silent");
}

TEST_F(ClientFaults, AHostWithoutAnAddressIsATransientFailure) {
  EXPECT_EQ(get(http::client{{.base_url = "http://no-such-host.invalid"}}, "/?id=secret"),
            "transient: GET http://no-such-host.invalid: the name of the host has no address");
}

TEST_F(ClientFaults, TooManyOpenFilesAreATransientFailure) {
  if (address_sanitizer)
    GTEST_SKIP() << "Clang's check of an object's type needs a descriptor";
  const loopback::server server{echo};
  const http::client client{{.base_url = server.url(), .idle_max = 0ms}};
  EXPECT_EQ(get(client, "/1"), "200 /1"); // what is made once is made
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto without = get(client, "/2");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(without, "transient: GET " + server.url() + ": Too many open files");
  EXPECT_EQ(get(client, "/3"), "200 /3");
}

// --- what is said --------------------------------------------------------------------------------

TEST_F(ClientFaults, NothingOfTheItemIsSaid) {
  const loopback::server server{[](loopback::peer& with, int) {
    with.read_header();
    with.close();
  }};
  const http::client client{
      {.base_url = server.url(), .headers = {{.name = "X-Key", .value = "a-secret"}}}};
  EXPECT_EQ(ask(client, {.method = "PUT",
                         .target = "/customers/a-secret?token=a-secret",
                         .headers = {{.name = "X-Id", .value = "a-secret"}},
                         .body = "a-secret",
                         .content_type = "text/plain"}),
            "transient: PUT " + server.url() + ": the connection was closed without an answer");
}

// --- the end -------------------------------------------------------------------------------------

/// The context goes while requests are connecting, waiting for their answer, and waiting for a connection.
TEST_F(ClientFaults, AContextThatGoesTakesItsRequestsWithIt) {
  std::atomic<int> asked{0};
  std::atomic<int> ended{0};
  std::atomic<bool> hangs{true};
  const loopback::server server{[&](loopback::peer& with, int connection) {
    if (!hangs)
      return echo(with, connection);
    with.read_header();
    ++asked;
    ended += with.sees_the_end();
  }};
  const http::client client{{.base_url = server.url(), .connections_max = 2, .timeout = 1h}};
  std::vector<std::string> answers;
  {
    asio::io_context io{1};
    for (int k = 0; k < 4; ++k)
      asio::co_spawn(io, get_into(client, "/", answers), asio::detached);
    EXPECT_TRUE(weir_test::eventually([&] {
      io.restart();
      io.poll();
      return asked == 2;
    }));
    EXPECT_EQ(client.in_use(), 2U);
  }
  EXPECT_TRUE(weir_test::eventually([&] { return ended == 2; }));
  EXPECT_EQ(client.in_use(), 0U);
  EXPECT_EQ(client.waiting(), 0U);
  EXPECT_TRUE(answers.empty()) << "nobody goes on with it";
  hangs = false;
  EXPECT_EQ(get(client, "/again"), "200 /again") << "on another context";
}

TEST_F(ClientFaults, AKeptConnectionOutlivesItsContext) {
  const loopback::server server{echo};
  const http::client client{{.base_url = server.url()}};
  {
    asio::io_context io{1};
    std::vector<std::string> answers;
    asio::co_spawn(io, get_into(client, "/first", answers), asio::detached);
    io.run();
    EXPECT_EQ(answers, std::vector<std::string>{"/first"});
  }
  EXPECT_EQ(get(client, "/again"), "200 /again");
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(ClientFaults, ANodeThatIsAbortedCancelsWhatIsUnderWay) {
  std::atomic<int> asked{0};
  std::atomic<int> ended{0};
  const loopback::server server{[&](loopback::peer& with, int) {
    with.read_header();
    ++asked;
    ended += with.sees_the_end();
  }};
  const http::client client{{.base_url = server.url()}};
  weir::dead_letters::memory dead;
  {
    weir::testkit::collected<int> kept;
    weir::pipeline made{"lookups"};
    made.from("numbers", weir::testkit::numbers(10))
        .via("ask",
             [client](const int& n) -> asio::awaitable<weir::result<int>> {
               auto got = co_await client.get("/");
               if (!got)
                 co_return std::move(got.error());
               co_return n;
             },
             {.in_flight_max = 4})
        .to("keep", kept.sink());
    made.dead_letters_to(dead);
    weir::testkit::node node;
    auto& pipeline = node.run(std::move(made));
    EXPECT_TRUE(weir_test::eventually([&] {
      node.settle();
      return asked == 4;
    }));
    pipeline.abort();
    EXPECT_TRUE(weir_test::eventually([&] {
      node.settle();
      return client.in_use() == 0;
    }));
  }
  EXPECT_TRUE(weir_test::eventually([&] { return ended == 4; }));
  EXPECT_EQ(dead.letters().size(), 0U);
}
