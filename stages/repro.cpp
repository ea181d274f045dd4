#include <weir/stages/repro.hpp>
#include <weir/stages/worker.hpp>

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

namespace repros {

namespace {

/// A worker that never has a turn has nothing to tell.
class nobody final : public worker_observer {
public:
  void worker_failed(std::size_t, std::uint32_t, failure) override {}
  void worker_stopped(std::size_t) override {}
  void worker_recovered(std::size_t) override {}
  void worker_finished(std::size_t, std::optional<failure>) override {}
};

} // namespace

struct surroundings::parts {
  explicit parts(const dead_letter& letter)
      : services{.node = node, .pipeline = letter.pipeline, .books = {}, .stopping = {}},
        permits{{}, node.now()},
        who{"repro", services, observer, 0, letter.stage, 0, {}, permits, nullptr} {}

  runtime node{{.threads = 1}};
  pipeline_services services;
  nobody observer;
  token_bucket permits;
  worker who;
};

surroundings::surroundings(const dead_letter& letter) : parts_{std::make_unique<parts>(letter)} {}
surroundings::~surroundings() = default;
context& surroundings::where() noexcept { return parts_->who.where(); }

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

} // namespace weir
