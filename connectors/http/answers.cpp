#include <weir/connectors/http/answers.hpp>

#include <cstddef>
#include <utility>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>

namespace weir::http {

namespace beast = boost::beast;
using beast::http::field;

namespace {

/// As a JSON text.
std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string made = "\"";
  for (const char one : text) {
    const auto code = static_cast<unsigned char>(one);
    if (one == '"' || one == '\\')
      made += '\\';
    if (code < 0x20)
      (made += "\\u00") += {digits[code / 16], digits[code % 16]};
    else
      made += one;
  }
  return made + '"';
}

std::string_view word_of(outcome how) {
  switch (how) {
  case outcome::filtered:
    return "filtered";
  case outcome::acknowledged:
    return "acknowledged";
  case outcome::dropped:
    return "dropped";
  case outcome::dead_lettered:
    return "dead_lettered";
  case outcome::returned:
    return "returned";
  }
  return "";
}

} // namespace

answer json(unsigned status, std::string body) {
  answer made;
  made.result(status);
  made.set(field::content_type, "application/json");
  made.body() = std::move(body);
  return made;
}

answer problem(unsigned status, std::string_view detail, std::string_view more) {
  const auto title = beast::http::obsolete_reason(static_cast<beast::http::status>(status));
  auto made = json(status, R"({"type": "about:blank", "title": ")" + std::string{title}
                               + R"(", "status": )" + std::to_string(status) + R"(, "detail": ")"
                               + std::string{detail} + "\"" + std::string{more} + "}");
  made.set(field::content_type, "application/problem+json");
  return made;
}

answer too_busy(std::string_view detail) {
  auto made = problem(429, detail);
  made.set(field::retry_after, "1");
  return made;
}

answer draining(std::string_view detail, std::string_view more) {
  auto made = problem(503, detail, more);
  made.set(field::retry_after, "5");
  made.keep_alive(false);
  return made;
}

answer answer_of(const admission::standing& now, std::string_view source) {
  std::string more = R"(, "admitted": )" + std::to_string(now.put);
  for (const auto& one : now.lost) {
    more += &one == now.lost.data() ? R"(, "events": [)" : ", ";
    ((more += R"({"index": )") += std::to_string(one.index)) += R"(, "outcome": ")";
    ((more += word_of(one.how)) += R"(", "source": )") += quoted(source);
    ((more += R"(, "position": )") += std::to_string(one.position)) += "}";
  }
  if (!now.lost.empty())
    more += "]";
  const auto by = [&](outcome how) { return now.by[static_cast<std::size_t>(how)]; };
  if (now.state == admission::state::admitted)
    return problem(504, "not all of the events are settled yet; they are admitted, and go on",
                   more);
  if (now.state == admission::state::cut_off)
    return draining("the pipeline ended before it was known what became of all events", more);
  if (by(outcome::returned) > 0)
    return draining("some of the events were given back; send those again", more);
  if (!now.lost.empty())
    return problem(422, "some of the events are not stored", more);
  return json(200, R"({"admitted": )" + std::to_string(now.put) + R"(, "acknowledged": )"
                       + std::to_string(by(outcome::acknowledged)) + R"(, "filtered": )"
                       + std::to_string(by(outcome::filtered)) + "}");
}

answer wrong_method(std::string_view allowed) {
  auto made = problem(405, "allowed here: " + std::string{allowed});
  made.set(field::allow, {allowed.data(), allowed.size()});
  return made;
}

} // namespace weir::http
