// CAF 0.17's own streams: source -> map -> map -> sink, four actors on two scheduler threads. CAF
// sizes batches and credit by the time they take, not by a capacity: --capacity has no effect here.
// Its defaults are kept: other batch complexities (10 to 1000 µs), credit rounds (1 to 50 ms) and
// work sharing were tried, and none was reliably faster.
#include <algorithm>
#include <caf/all.hpp>
#include <future>
#include <memory>
#include <weir/bench/harness.hpp>

namespace weir::bench {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event& x) {
  return f(caf::meta::type_name("event"), x.id, x.key, x.data);
}

} // namespace weir::bench

namespace {

using weir::bench::event;
using start = caf::atom_constant<caf::atom("start")>;

template <class T>
caf::behavior source(caf::event_based_actor* self, std::uint64_t items,
                     T (*produce)(std::uint64_t)) {
  return {[=](start) {
    return caf::attach_stream_source(
        self, [](std::uint64_t& position) { position = 0; },
        [=](std::uint64_t& position, caf::downstream<T>& out, std::size_t hint) {
          const auto end = std::min<std::uint64_t>(items, position + hint);
          for (; position < end; ++position)
            out.push(produce(position));
        },
        [=](const std::uint64_t& position) { return position == items; });
  }};
}

std::uint64_t& id_of(std::uint64_t& number) { return number; }
std::uint64_t& id_of(event& event) { return event.id; }

template <class T>
caf::behavior map(caf::event_based_actor* self) {
  return {[=](caf::stream<T> in) {
    return caf::attach_stream_stage(
        self, in, [](caf::unit_t&) {},
        [](caf::unit_t&, caf::downstream<T>& out, T item) {
          ++id_of(item);
          out.push(std::move(item));
        });
  }};
}

using total = std::shared_ptr<std::promise<std::uint64_t>>;

template <class T>
caf::behavior sink(caf::event_based_actor* self, total result) {
  return {[=](caf::stream<T> in) {
    return caf::attach_stream_sink(
        self, in, [](std::uint64_t& sum) { sum = 0; },
        [](std::uint64_t& sum, T item) { sum += id_of(item); },
        [=](std::uint64_t& sum, const caf::error&) { result->set_value(sum); });
  }};
}

template <class T>
std::uint64_t run(caf::actor_system& system, std::uint64_t items, T (*produce)(std::uint64_t)) {
  auto result = std::make_shared<std::promise<std::uint64_t>>();
  auto pipeline = system.spawn(sink<T>, result) * system.spawn(map<T>) * system.spawn(map<T>)
                  * system.spawn(source<T>, items, produce);
  caf::anon_send(pipeline, start::value);
  return result->get_future().get();
}

} // namespace

int main(int argc, char** argv) {
  const auto options =
      weir::bench::read_options(argc, argv, {.numbers = 120'000'000, .events = 6'000'000});
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 2u);
  config.add_message_type<event>("event");
  caf::actor_system system{config};

  const weir::bench::stopwatch watch;
  const auto sum =
      options.events ? run<event>(system, options.items, weir::bench::make_event)
                     : run<std::uint64_t>(system, options.items, [](std::uint64_t i) { return i; });
  return weir::bench::finish("caf_streams", options.items, watch.read(), sum, 2);
}
