#include <weir/actors/runtime.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/repro.hpp>

namespace weir {

std::string repro_report::text() const {
  const auto here = "stage '" + stage + "'";
  if (!why)
    return here + ": it went through"
           + (!made        ? ""
              : *made == 1 ? ", to 1 output"
                           : ", to " + std::to_string(*made) + " outputs");
  const auto said = std::string{to_string(why->kind)} + ": " + why->message();
  if (!ran && !threw)
    return here + " was not run: " + said;
  return here + (threw ? " threw" : " failed")
         + (as_recorded ? " as recorded: " : ", otherwise than recorded: ") + said;
}

} // namespace weir

namespace weir::internal {

namespace repros {

/// Nobody is woken, and nothing was read before.
struct surroundings::parts final : turn_of_worker, waker {
  explicit parts(const dead_letter& letter)
      : place{.pipeline = letter.pipeline,
              .stage = letter.stage,
              .worker = "repro",
              .stopping = stop.get_token(),
              .node = &node,
              .worker_waker = this,
              .ends = std::make_shared<bell>(*this)} {}

  time_point now() const noexcept override { return node.now(); }
  void wake_at(time_point) noexcept override {}
  std::uint64_t last_position() const noexcept override { return 0; }
  void wake_when_credit(std::size_t) noexcept override {}
  weir::partitions& partitions() override { std::terminate(); } // a repro runs no source
  std::vector<partition_point> points(std::span<const std::size_t>) const override { return {}; }
  void wake() noexcept override {}

  runtime node{{.threads = 1}};
  std::stop_source stop;
  run_place place;
  context here{place, *this};
};

surroundings::surroundings(const dead_letter& letter) : parts_{std::make_unique<parts>(letter)} {}
surroundings::~surroundings() = default;
context& surroundings::where() noexcept { return parts_->here; }

std::optional<failure> wrong_type(const dead_letter& letter, const std::type_info& taken) {
  if (letter.payload_type.empty() || letter.payload_type == type_name(taken))
    return std::nullopt;
  return poison("the letter of stage '" + letter.stage + "' holds a " + letter.payload_type
                + ", and this stage takes a " + type_name(taken));
}

void conclude(repro_report& report, const dead_letter& letter) {
  report.stage = letter.stage;
  report.as_recorded =
      report.why && report.why->kind == letter.why.kind && report.why->chain == letter.why.chain;
}

} // namespace repros

} // namespace weir::internal
