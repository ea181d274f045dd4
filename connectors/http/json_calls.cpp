#include <weir/connectors/http/json_calls.hpp>

#include <weir/connectors/http/answer_failure.hpp>
#include <weir/stages/json.hpp>

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir::http {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr unsigned not_found = 404;

request asking(std::string_view method, std::string_view target) {
  request made{.method = std::string{method}, .target = std::string{target}};
  made.headers.push_back({.name = "Accept", .value = "application/json"});
  return made;
}

/// Of an answer that is good.
result<json> json_in(const response& got, const std::string& about) {
  if (got.body.empty())
    return json{};
  auto read = read_json(got.body);
  if (!read) {
    auto why = transient(read.error().message());
    return std::move(why).within(about + ": the answer can't be read");
  }
  return read;
}

asio::awaitable<result<json>> ask(client over, result<request> what) {
  if (!what)
    co_return std::move(what.error());
  const auto about = what->method + " " + over.origin();
  const auto got = co_await over.ask(std::move(*what));
  if (!got)
    co_return got.error();
  if (auto why = failure_of(*got, about))
    co_return std::move(*why);
  co_return json_in(*got, about);
}

asio::awaitable<result<std::optional<json>>> find(client over, request what) {
  const auto about = what.method + " " + over.origin();
  const auto got = co_await over.ask(std::move(what));
  if (!got)
    co_return got.error();
  if (got->status == not_found)
    co_return std::optional<json>{};
  if (auto why = failure_of(*got, about))
    co_return std::move(*why);
  auto read = json_in(*got, about);
  if (!read)
    co_return std::move(read.error());
  co_return std::optional<json>{std::move(*read)};
}

} // namespace

asio::awaitable<result<json>> json_get(const client& over, std::string_view target) {
  return ask(over, asking("GET", target));
}

asio::awaitable<result<std::optional<json>>> json_find(const client& over,
                                                       std::string_view target) {
  return find(over, asking("GET", target));
}

asio::awaitable<result<json>> json_post(const client& over, std::string_view target,
                                        const json& body) {
  auto what = asking("POST", target);
  what.content_type = "application/json";
  try {
    what.body = body.dump();
  } catch (const json::exception&) {
    return ask(over, poison("POST " + over.origin() + ": the body has text that is no UTF-8"));
  }
  return ask(over, std::move(what));
}

asio::awaitable<result<json>> json_ask(const client& over, request what) {
  return ask(over, std::move(what));
}

} // namespace weir::http
