#include "loopback.hpp"

#include <weir/actors/runtime.hpp>
#include <weir/connectors/http/source.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <memory>
#include <thread>

/// HTTP requests to the server of the events source, as a connection brings them.
namespace {

/// A pipeline that counts what it gets.
class service {
public:
  service() : pipeline_{made(), node_} {
    fuzz::require(bool{pipeline_.start()}, "the pipeline starts");
    while (shown_->port == 0)
      std::this_thread::yield();
  }
  std::uint16_t port() const { return shown_->port; }
  std::uint64_t admitted() const { return pipeline_.snapshot().ledger.admitted; }

private:
  weir::pipeline made() {
    weir::pipeline events{"events"};
    events
        .from("http",
              weir::http::events{
                  {.request_events_max = 5, .body_max = 4000, .header_max = 2000, .state = shown_}})
        .to("count", [](const weir::text_event& one) noexcept {
          fuzz::require(one.text.find_first_not_of(" \t\r\n") != std::string::npos,
                        "no event is blank");
          fuzz::require(one.text.size() <= 4000, "no event is longer than a body");
        });
    return events;
  }

  const std::shared_ptr<weir::http::listener_state> shown_ =
      std::make_shared<weir::http::listener_state>();
  weir::runtime node_{{.threads = 1}};
  weir::running_pipeline pipeline_;
};

/// What the answers say was admitted. Requires them to be answers, one behind the other.
std::uint64_t read_answers(std::string_view answers) {
  std::uint64_t admitted = 0;
  while (!answers.empty()) {
    if (answers.starts_with("HTTP/1.1 100 Continue\r\n\r\n")) {
      answers.remove_prefix(25);
      continue;
    }
    fuzz::require(answers.starts_with("HTTP/1.1 ") || answers.starts_with("HTTP/1.0 "),
                  "an answer is one of HTTP");
    const auto status = answers.substr(9, 3);
    constexpr std::array<std::string_view, 9> known{"200", "202", "400", "404", "405",
                                                    "413", "429", "431", "503"};
    fuzz::require(std::ranges::find(known, status) != known.end(), "its status is a known one");
    const auto header = answers.substr(0, answers.find("\r\n\r\n"));
    fuzz::require(header.size() < answers.size(), "its header ends");
    const std::string_view name = "Content-Length: ";
    const auto length = header.find(name);
    fuzz::require(length != std::string_view::npos, "it says how long it is");
    std::size_t bytes = 0;
    std::from_chars(header.data() + length + name.size(), header.data() + header.size(), bytes);
    const auto body = answers.substr(header.size() + 4, bytes);
    fuzz::require(body.size() == bytes || body.empty(), "it is as long as it says");
    if (status == "202") {
      const std::string_view said = R"({"admitted": )";
      fuzz::require(body.starts_with(said), "it says what was admitted");
      std::uint64_t count = 0;
      std::from_chars(body.data() + said.size(), body.data() + body.size(), count);
      fuzz::require(count >= 1 && count <= 5, "no more is admitted than may be in a request");
      admitted += count;
    }
    answers.remove_prefix(std::min(header.size() + 4 + body.size(), answers.size()));
  }
  return admitted;
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  const std::string host = " HTTP/1.1\r\nHost: a\r\n";
  const std::string one = "POST /events" + host + "Content-Length: 11\r\n\r\n{\"id\": \"a\"}";
  return {
      one,
      one + one + "GET /healthz" + host + "\r\n",
      "POST /events?a=b" + host
          + "Content-Type: application/json; charset=utf-8\r\nContent-Length: 16\r\n\r\n{\"id\":\n "
            " \"a\"\n}\n\n",
      "POST /events" + host
          + "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n3;x=y\r\ntwo\r\n0\r\nTrailer: "
            "1\r\n\r\n",
      "POST /events" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nthree",
      "HEAD /healthz" + host + "Connection: close\r\n\r\n",
      "GET /events HTTP/1.0\r\n\r\n",
      "POST /events" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "DELETE http://a/events" + host + "\r\n",
      "POST /events" + host + "X: " + std::string(1900, 'x') + "\r\nContent-Length: 3\r\n\r\n1\n2",
      "POST /events" + host + "Content-Length: 4001\r\n\r\n" + std::string(4001, 'y'),
      "OPTIONS *" + host + "\r\n",
      "\r\n\r\nGET /%2e%2e/healthz?x#y" + host + "Upgrade: h2c\r\n\r\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static auto& running =
      *new service; // for good: CAF's system can't be ended once main has returned
  const auto before = running.admitted();
  const loopback::peer client{loopback::peer::connected_to(running.port())};
  client.send(fuzz::text_of(bytes, size));
  client.end();
  const auto said = read_answers(client.read());
  while (running.admitted() < before + said) // the ledger may be a moment behind the answer
    std::this_thread::yield();
  return 0;
}
