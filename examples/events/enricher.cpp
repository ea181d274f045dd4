#include "enricher.hpp"

#include <nlohmann/json.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <unordered_map>
#include <utility>

namespace asio = boost::asio;

namespace {

using answer = weir::result<std::string>;

/// A call that is under way, and those who wait for its answer.
struct call {
  explicit call(const asio::any_io_executor& where)
      : answered{where, asio::steady_timer::time_point::max()} {}

  asio::steady_timer answered; // cancelled when the outcome is there
  std::optional<answer> outcome;
};

} // namespace

struct enricher::shared {
  explicit shared(options chosen)
      : api{{.base_url = chosen.url,
             .connections_max = chosen.connections_max,
             .timeout = chosen.timeout}},
        permits{{.permits = chosen.rate, .burst = chosen.burst}},
        cache{chosen.cache_entries, chosen.cache_lifetime} {}

  asio::awaitable<answer> look_up(std::string key);
  asio::awaitable<answer> ask(const std::string& key);

  weir::http::client api;
  weir::rate_limiter permits;
  lookup_cache cache;
  std::unordered_map<std::string, std::shared_ptr<call>> calls;
};

enricher::enricher(options chosen) : shared_{std::make_shared<shared>(std::move(chosen))} {}

asio::awaitable<weir::result<event>> enricher::operator()(event one) const {
  auto found = co_await shared_->look_up(one.key);
  if (!found)
    co_return std::move(found.error());
  one.enrichment = std::move(*found);
  co_return one;
}

asio::awaitable<answer> enricher::shared::look_up(std::string key) {
  for (;;) {
    if (auto known = cache.find(key, std::chrono::steady_clock::now()))
      co_return std::move(*known);
    const auto there = calls.find(key);
    if (there == calls.end())
      break;
    const auto under_way = there->second;
    co_await under_way->answered.async_wait(asio::as_tuple(asio::use_awaitable));
    if (under_way->outcome)
      co_return *under_way->outcome;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return weir::transient("cancelled while waiting for the answer to another call");
  }

  const auto mine = std::make_shared<call>(co_await asio::this_coro::executor);
  calls[key] = mine;
  /// However the call ends, those who wait go on: with its outcome, or by calling themselves.
  struct finally {
    shared& all;
    const std::string& key;
    call& ended;
    ~finally() {
      all.calls.erase(key);
      ended.answered.cancel();
    }
  } guard{*this, key, *mine};
  mine->outcome = co_await ask(key);
  if (*mine->outcome)
    cache.put(key, **mine->outcome, std::chrono::steady_clock::now());
  co_return *mine->outcome;
}

asio::awaitable<answer> enricher::shared::ask(const std::string& key) {
  co_await permits.acquire();
  auto facts = co_await weir::http::json_get(api, "?key=" + weir::http::encode(key));
  if (!facts) {
    if (const auto pause = facts.error().retry_after)
      permits.pause_until(std::chrono::steady_clock::now() + *pause);
    co_return std::move(facts.error());
  }
  if (!facts->is_object())
    co_return weir::transient("GET " + api.origin() + ": the answer is no JSON object");
  co_return facts->dump();
}
