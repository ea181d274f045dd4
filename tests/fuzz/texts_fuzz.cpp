#include "fuzz.hpp"

#include <weir/connectors/http/body.hpp>
#include <weir/connectors/http/retry_after.hpp>
#include <weir/connectors/http/url.hpp>
#include <weir/stages/payload.hpp>
#include <weir/supervision/utc.hpp>

#include <chrono>
#include <optional>

/// Short texts that are read back: payloads, times, addresses, headers, bodies.
namespace {

/// What can be read is what is written again. As text: not every number equals itself.
template <class T>
void payload(std::string_view text) {
  const auto read = weir::from_payload<T>(text);
  if (!read)
    return fuzz::require(!read.error().message().empty(), "a refusal says why");
  const auto written = weir::payload_of(*read);
  const auto again = weir::from_payload<T>(written);
  fuzz::require(bool{again}, "what was written can be read");
  fuzz::require(weir::payload_of(*again) == written, "and is the same");
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  return {"42",
          "-7",
          "0.1",
          "1e308",
          "nan",
          "-inf",
          "a text",
          "1\n2\n3",
          "3:abc\n0:\n5:d\ne\nf\n",
          "",
          "2024-01-31T12:00:00.000Z",
          "2024-02-29",
          "1969-12-31T23:59:59Z",
          "120",
          "Sun, 06 Nov 1994 08:49:37 GMT",
          "http://localhost:8080/path",
          "http://[::1]:80",
          "http://a",
          "https://a:80/b",
          weir::payload_of(weir::batch<std::string>{{"a", "b\nc", ""}}),
          weir::payload_of(weir::batch<weir::batch<int>>{{{{1, 2}}, {{3}}, {{}}}}),
          "{\"id\": 1}\n{\"id\": 2}\r\n\n{",
          "{\n\"id\": 1\n}"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  payload<std::int8_t>(text);
  payload<std::int64_t>(text);
  payload<std::uint64_t>(text);
  payload<float>(text);
  payload<double>(text);
  payload<long double>(text);
  payload<std::string>(text);
  payload<std::optional<int>>(text);
  payload<weir::batch<int>>(text);
  payload<weir::batch<std::string>>(text);
  payload<weir::batch<weir::batch<std::string>>>(text);
  payload<weir::text_event>(text);

  // Any list is read as it was written.
  weir::batch<std::string> list;
  for (std::size_t at = 0; at < text.size(); at += 1 + text.size() / 4)
    list.items.emplace_back(text.substr(at, text.size() / 3));
  const auto same = weir::from_payload<weir::batch<std::string>>(weir::payload_of(list));
  fuzz::require(same && same->items == list.items, "a list is read as it was written");

  if (const auto when = weir::read_utc(text)) {
    const auto written = weir::utc_text(*when);
    fuzz::require(weir::read_utc(written) == when, "a time is read as it was written");
  }
  if (const auto wait = weir::http::retry_after(text, std::chrono::system_clock::time_point{}))
    fuzz::require(wait->count() >= 0 && *wait <= weir::http::retry_after_max,
                  "a wait is a believable one");
  if (const auto url = weir::http::parse_url(text)) {
    const auto again = weir::http::parse_url(url->origin() + url->path);
    fuzz::require(again && again->host == url->host && again->port == url->port
                      && again->path == url->path,
                  "an address is read as it was written");
  }
  for (const char c : weir::http::encode(text))
    fuzz::require(c > ' ' && c <= '~' && c != '&' && c != '/' && c != '?',
                  "what is encoded means nothing in an address");
  for (const char* type : {"", "application/json"}) {
    const auto events = weir::http::events_in(text, type, 10);
    fuzz::require(events.size() <= 11, "one more than allowed shows that it is too many");
  }
  return 0;
}
