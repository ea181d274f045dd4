// What docs/guide.md quotes, as a program that runs: invented readings of thermometers are smoothed, sorted into
// cold and warm ones, and stored.
#include <weir/connectors/channel.hpp>
#include <weir/node/configuration.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/weir.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [item]
struct reading {
  std::string sensor;
  double celsius = 0;
};

std::string weir_payload(const reading& one) {
  return one.sensor + " " + std::to_string(one.celsius);
}
// [item]

// [source]
class thermometers {
public:
  using output = std::uint64_t;

  explicit thermometers(std::uint64_t count) : count_{count} {}

  weir::source_state poll(weir::intake<std::uint64_t>& in, weir::context& where) {
    auto position = where.last_position();
    while (in.room() > 0 && position < count_) {
      ++position;
      in.put(position * 7919 % 1000, position); // the item, and where it was found
    }
    return position < count_ ? weir::source_state::more : weir::source_state::done;
  }

private:
  std::uint64_t count_;
};
// [source]

// [channel]
/// Called by a device, on a thread of its own.
weir::result<void> reported(const weir::channel<reading>& device, reading one) {
  return device.push(std::move(one), [](weir::outcome how) {
    if (how == weir::outcome::dead_lettered)
      std::cerr << "a device has sent what is no reading\n";
  });
}
// [channel]

// [plain]
reading decode(const std::uint64_t& raw) { // Out: one in, one out
  return {"sensor-" + std::to_string(raw % 3), static_cast<double>(raw) / 10 - 40};
}
// [plain]

// [result]
weir::result<reading> check(const reading& one) { // result<Out>: may fail
  if (one.celsius < -39.5)
    return weir::poison("colder than these thermometers measure");
  return one;
}
// [result]

// [optional]
std::optional<reading> only_known(const reading& one) { // optional<Out>: filters
  if (one.sensor == "sensor-2")
    return std::nullopt;
  return one;
}
// [optional]

// [vector]
std::vector<reading> with_fahrenheit(const reading& one) { // vector<Out>: 0..n
  return {one, {one.sensor + "-f", one.celsius * 9 / 5 + 32}};
}
// [vector]

// [emitter]
void drop_fahrenheit(const reading& one, weir::emitter<reading>& out) { // emitter<Out>&: 0..n
  if (!one.sensor.ends_with("-f"))
    out(one);
}
// [emitter]

// [awaitable]
boost::asio::awaitable<weir::result<reading>> calibrate(const reading& one) { // waits
  boost::asio::steady_timer answer{co_await boost::asio::this_coro::executor, 1ms};
  co_await answer.async_wait(boost::asio::use_awaitable);
  co_return reading{one.sensor, one.celsius + 0.1};
}
// [awaitable]

// [state]
class smoother {
public:
  using input = reading;
  using output = reading;

  weir::result<void> on_item(const reading& one, weir::emitter<reading>& out, weir::context&) {
    auto& mean = means_.try_emplace(one.sensor, one.celsius).first->second;
    mean += (one.celsius - mean) / 8;
    out({one.sensor, mean});
    return {};
  }

  // Optional: called at the end of the stream; what it emits belongs to no position.
  void on_drain(weir::emitter<reading>& out, weir::context&) {
    for (const auto& [sensor, mean] : means_)
      out({sensor + "-last", mean});
  }

  // Optional, both or none: what a fresh instance starts with after a restart.
  std::map<std::string, double> checkpoint() const { return means_; }
  void restore(std::map<std::string, double> kept) { means_ = std::move(kept); }

private:
  std::map<std::string, double> means_;
};
// [state]

// [batch_sink]
class table {
public:
  using input = weir::batch<reading>;

  explicit table(std::shared_ptr<std::atomic<std::size_t>> rows) : rows_{std::move(rows)} {}

  weir::result<weir::batch_outcome> on_batch(const input& some, weir::context& where) {
    weir::batch_outcome outcome; // everything was stored, but for what is noted here
    std::vector<std::size_t> rejected;
    for (std::size_t k = 0; k < some.items.size(); ++k)
      if (some.items[k].sensor.empty()) {
        outcome.rejected.push_back({k, weir::poison("a row needs a sensor")});
        rejected.push_back(k);
      }
    [[maybe_unused]] const auto points = where.points(rejected); // to be stored with the rows
    *rows_ += some.items.size() - outcome.rejected.size();
    return outcome;
  }

private:
  std::shared_ptr<std::atomic<std::size_t>> rows_;
};
// [batch_sink]

/// A client library, as there are many: it gathers what it is given, sends it in its own time, and calls back from
/// whatever thread once the other side has answered.
class client {
public:
  using answered = std::function<void(bool)>;
  void send(const std::string&, answered call) { calls_.push_back(std::move(call)); }
  void send_now() {
    for (const auto& call : std::exchange(calls_, {}))
      call(true);
  }

private:
  std::vector<answered> calls_;
};

// [late_sink]
class board {
public:
  using input = reading;

  explicit board(std::shared_ptr<client> to) : client_{std::move(to)} {}

  void on_item(const reading& one, weir::settlement token, weir::context&) {
    auto mine = std::make_shared<weir::settlement>(std::move(token)); // a std::function is copied
    client_->send(one.sensor, [mine](bool taken) {
      if (taken)
        mine->stored();
      else
        mine->failed(weir::transient("the board is busy"));
    });
  }
  void flush(weir::context&) { client_->send_now(); } // optional

private:
  std::shared_ptr<client> client_;
};
// [late_sink]
static_assert(weir::late_sink<board>);

weir::pipeline pipeline_of(std::uint64_t count, std::shared_ptr<std::atomic<std::size_t>> rows) {
  // [pipeline]
  weir::pipeline readings{
      "readings", {.supervision = {.strategy = weir::one_for_one, .intensity = 5, .period = 30s}}};
  auto checked = readings.from("thermometers", thermometers{count})
                     .via("decode", decode, {.workers = 2})
                     .via("check", check)
                     .via("known", only_known)
                     .via("calibrate", calibrate,
                          {.retry = {.attempts = 4, .delay_min = 50ms, .delay_max = 2s},
                           .in_flight_max = 64,
                           .rate = {.permits = 5000, .per = 1s, .burst = 50},
                           .timeout = 2s});
  readings.dead_letters_to(weir::dead_letters::memory{});
  // [pipeline]

  // [graph]
  auto [cold, rest] = std::move(checked).route([](const reading& one) { return one.celsius < 0; });
  auto [warm, again] = std::move(rest).broadcast<2>();
  auto both = std::move(again).via("fahrenheit", with_fahrenheit).via("celsius", drop_fahrenheit);

  std::move(cold)
      .key_by(&reading::sensor, {.lanes = 2}) // two workers, the order of each sensor kept
      .via("smooth", weir::factory{[] { return smoother{}; }})
      .merge()
      .batch("batch", {.size_max = 100, .delay_max = 50ms})
      .to("table", table{rows}, {.execution = weir::execution::own_thread});
  readings.merge(std::move(warm), std::move(both)).to("count", [rows](const reading&) { ++*rows; });
  // [graph]
  return readings;
}

// [main]
int main(int argc, char** argv) {
  std::uint64_t count = 1000;
  weir::node_settings settings;
  weir::configuration config{"guide", "Smooths and stores invented readings."};
  config.option("count", count, "How many readings.").range(1, 1'000'000);
  weir::declare(config, settings); // --threads, --drain-timeout, --report …
  if (const auto outcome = config.parse(argc, argv); !outcome) {
    (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
    return outcome.exit_code();
  }

  const auto rows = std::make_shared<std::atomic<std::size_t>>(0);
  const auto code = weir::node{settings}.run(pipeline_of(count, rows));
  std::cout << *rows << " rows\n";
  return code;
}
// [main]
