#include <weir/node/exit_codes.hpp>
#include <weir/node/heart.hpp>
#include <weir/node/log.hpp>
#include <weir/node/node.hpp>
#include <weir/node/progress.hpp>
#include <weir/node/report.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace weir {

using namespace std::chrono_literals;

namespace {

constexpr auto progress_every = 200ms;
/// How often trouble is looked for that no signal tells of: a store that refuses, a stage that keeps retrying.
constexpr auto trouble_every = 5s;
/// How long the workers may take to obey an abort: a worker in a blocking call can't be interrupted.
constexpr auto abort_timeout = 5s;
/// Lines about failed workers a second; more are only counted. A poison flood must not become a log flood.
constexpr rate_limit failure_lines{.permits = 5, .per = 1s, .burst = 20};

/// A descriptor that is closed at the end of its scope.
class descriptor {
public:
  descriptor(int fd, const char* what) : fd_{fd} {
    if (fd < 0)
      throw std::system_error{errno, std::generic_category(), what};
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(fd_); }
  int get() const { return fd_; }

private:
  int fd_;
};

/// Blocks the signals in this thread and those it makes, for good, and hands them out.
int take_over_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN); // a peer that went away is an error of a write
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 100;
}

progress::options progress_options(const std::string& wanted) {
  const bool shown = wanted == "always" || (wanted == "auto" && ::isatty(STDERR_FILENO) != 0);
  return {.terminal = shown, .columns = terminal_columns(), .shown = terminal_charset()};
}

pipeline_report report_of(const running_pipeline& one, std::chrono::duration<double> elapsed,
                          std::chrono::system_clock::time_point now) {
  const auto snapshot = one.snapshot();
  pipeline_report report{
      .pipeline = snapshot.pipeline, .elapsed_seconds = elapsed.count(), .ledger = snapshot.ledger};
  for (const auto& stage : snapshot.stages)
    report.stages.push_back({.stage = stage.stage,
                             .processed = stage.processed,
                             .failed = stage.failed,
                             .restarts = stage.restarts,
                             .busy = stage.busy,
                             .blocked = stage.blocked,
                             .idle = stage.idle,
                             .latency = {std::chrono::duration<double>{stage.latency_p50}.count(),
                                         std::chrono::duration<double>{stage.latency_p99}.count()},
                             .backlog_max = stage.backlog_max,
                             .mailbox_capacity = stage.mailbox_capacity});
  for (auto& cause : one.dead_letter_causes())
    report.dead_letter_causes.push_back({cause.stage, cause.cause, cause.count});
  for (const auto& run : snapshot.abandoned)
    report.abandoned.push_back(
        {run.stage, run.worker, std::chrono::duration<double>{now - run.since}.count()});
  return report;
}

} // namespace

/// In the process that runs pipelines, returns the settings; where it is to be kept alive, in the child only.
node_settings alive(node_settings settings) {
  settings.drain_timeout =
      std::min<std::chrono::milliseconds>(settings.drain_timeout, duration_max);
  settings.heart_period = std::min<std::chrono::milliseconds>(settings.heart_period, duration_max);
  const auto parent = kept_alive_by();
  if (!settings.heart)
    return settings;
  if (settings.flight_recorder.empty())
    settings.flight_recorder = std::string{::program_invocation_short_name} + ".flight";
  if (parent)
    return settings;
  progress line{std::cerr, {}};
  log into{settings.log_level, settings.log_format, line};
  std::exit(keep_alive({.intensity = settings.heart_intensity,
                        .period = settings.heart_period,
                        .recorder = settings.flight_recorder},
                       into));
}

/// A replay that has begun, or finished.
struct replay_news {
  std::string pipeline;
  bool finished;
  replay_outcome outcome;
};

struct node::state {
  state(node_settings given, std::function<std::optional<input_progress>()> read)
      : settings{std::move(given)},
        input{std::move(read)},
        shows_progress{progress_options(settings.progress).terminal},
        signals{take_over_signals(), "signalfd"},
        ended{::eventfd(0, EFD_CLOEXEC), "eventfd"},
        runtime{{.threads = settings.threads}},
        line{std::cerr, progress_options(settings.progress)},
        log{settings.log_level, settings.log_format, line},
        failure_permits{failure_lines, runtime.now() - 10s} {}

  int run(std::vector<pipeline> pipelines);
  bool start(std::vector<pipeline> pipelines);
  void watch();
  void on_signal();
  void log_failures();
  void log_replays();
  void log_trouble();
  void show_progress();
  bool all_ended();
  bool any_healthy();
  void drain_all();
  void abort_all();
  void look_for_giving_up();
  run_outcome outcome();
  void finish();
  result<void> open_recorder(const std::vector<pipeline>& pipelines);

  const node_settings settings;
  const std::function<std::optional<input_progress>()> input;
  const bool shows_progress;
  const descriptor signals; // before the threads of the runtime
  const descriptor ended;
  weir::runtime runtime;
  progress line;
  weir::log log;

  time_point began{};
  std::optional<time_point> deadline; // of the drain, or of the abort
  bool draining = false;
  bool aborting = false;
  bool told_by_parent = false;
  bool told_by_others = false;
  bool stuck = false;            // a worker did not obey the abort in time
  std::optional<failure> failed; // the first pipeline that did, before anything was aborted
  std::optional<failure> not_started;
  time_point looked_for_trouble{};
  std::map<std::string, std::uint64_t> runs_failed; // by stage, when last looked at

  std::mutex lock; // guards what follows
  std::vector<failure> failures;
  std::vector<replay_news> replays;
  std::uint64_t failures_left_out = 0;
  token_bucket failure_permits;

  run_report report;
  std::unique_ptr<flight_recorder> recorder;              // null: nothing is recorded
  std::vector<std::unique_ptr<running_pipeline>> running; // destroyed first
};

node::node(node_settings settings, std::function<std::optional<input_progress>()> input)
    : state_{std::make_unique<state>(alive(std::move(settings)), std::move(input))} {}

node::~node() = default;

int node::run(pipeline one) {
  std::vector<pipeline> all;
  all.push_back(std::move(one));
  return run(std::move(all));
}

int node::run(std::vector<pipeline> pipelines) { return state_->run(std::move(pipelines)); }

const run_report& node::report() const { return state_->report; }

int node::state::run(std::vector<pipeline> pipelines) {
  began = looked_for_trouble = runtime.now();
  if (start(std::move(pipelines))) {
    watch();
    log_failures();
    log_replays();
    line.erase();
  }
  finish();
  const auto code = report.outcome.exit_code;
  if (recorder) {
    // Only after a whole run is what was settled stored too, with the position: else it may come again.
    if (code == exit_codes::ok && !aborting)
      recorder->end();
    else
      recorder->end_early();
  }
  if (stuck) {
    // Its thread can't be joined. What it holds was not acknowledged, so nothing is lost with it.
    std::cout.flush();
    std::_Exit(code);
  }
  running.clear();
  recorder.reset();
  if (std::ranges::any_of(report.pipelines,
                          [](const auto& one) { return !one.abandoned.empty(); })) {
    // Nor can these be joined, and what is destroyed when a process exits they may still use.
    std::cout.flush();
    std::fflush(nullptr);
    std::_Exit(code);
  }
  return code;
}

/// Reads what the last life left behind, and tells of it.
result<void> node::state::open_recorder(const std::vector<pipeline>& pipelines) {
  if (settings.flight_recorder.empty())
    return {};
  std::string program;
  for (const auto& one : pipelines)
    program += (program.empty() ? "" : ", ") + one.name();
  auto opened = flight_recorder::open(settings.flight_recorder, program);
  if (!opened)
    return std::move(opened.error()).within("the flight recorder can't be used");
  recorder = std::move(*opened);
  const auto& last = recorder->last_life();
  for (const auto& remark : last.remarks)
    log.write(log::level::warning, remark, {{"file", settings.flight_recorder}});
  if (last.died)
    log.write(log::level::warning, "the last process died",
              {{"pid", std::to_string(last.deaths.back().pid)},
               {"cause", cause_of_death(last.deaths.back().status)},
               {"in_hand", last.deaths.back().in_hand}});
  return {};
}

bool node::state::start(std::vector<pipeline> pipelines) {
  if (auto opened = open_recorder(pipelines); !opened) {
    not_started = std::move(opened.error());
    log.write(log::level::error, "did not start", {{"why", not_started->message()}});
    return false;
  }
  const auto signal_end = [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(ended.get(), &one, sizeof one);
  };
  for (auto& one : pipelines) {
    const auto replay = [this, signal_end, name = one.name()](const replay_run& run) {
      const std::lock_guard guard{lock};
      replays.push_back({name, run.finished(), run.outcome()});
      signal_end();
    };
    if (settings.replay_rate > 0)
      one.replay_at({.permits = settings.replay_rate});
    running.push_back(std::make_unique<running_pipeline>(
        std::move(one), runtime,
        pipeline_observer{.worker_failed =
                              [this, signal_end](const failure& why) {
                                const std::lock_guard guard{lock};
                                if (failure_permits.take(1, runtime.now()) == 0)
                                  ++failures_left_out;
                                else
                                  failures.push_back(why);
                                signal_end();
                              },
                          .ended = signal_end,
                          .replay = replay},
        recorder.get()));
    if (auto begun = running.back()->start(); !begun) {
      not_started = std::move(begun.error());
      log.write(log::level::error, "did not start",
                {{"pipeline", running.back()->name()}, {"why", not_started->message()}});
      running.pop_back();
      for (const auto& other : running)
        other->abort();
      return false;
    }
    log.write(log::level::info, "started", {{"pipeline", running.back()->name()}});
  }
  return true;
}

bool node::state::all_ended() {
  return std::ranges::all_of(
      running, [this](const auto& one) { return one->wait_until(runtime.now()).has_value(); });
}

/// Does one still run that neither failed nor was aborted?
bool node::state::any_healthy() {
  return std::ranges::any_of(running, [this](const auto& one) {
    return one->why().chain.empty() && !one->wait_until(runtime.now());
  });
}

void node::state::drain_all() {
  draining = true;
  deadline = runtime.now() + settings.drain_timeout;
  for (const auto& one : running)
    one->drain();
}

void node::state::abort_all() {
  aborting = true;
  deadline = runtime.now() + abort_timeout;
  for (const auto& one : running)
    one->abort();
}

/// A pipeline that fails aborts itself. The others are drained, and only then may anything be taken for stuck.
void node::state::look_for_giving_up() {
  if (aborting)
    return;
  if (!failed) {
    const auto first =
        std::ranges::find_if(running, [](const auto& one) { return !one->why().chain.empty(); });
    if (first == running.end())
      return;
    failed = (*first)->why();
    if (!draining && any_healthy()) {
      log.write(log::level::error, "a pipeline failed: draining the others",
                {{"pipeline", (*first)->name()},
                 {"drain_timeout_ms", std::to_string(settings.drain_timeout.count())},
                 {"why", failed->message()}});
      drain_all();
    }
  }
  if (!any_healthy()) // a worker in a blocking call may not hear that it is over
    abort_all();
}

/// Sleeps until a signal, an end, a deadline, or the next look at the progress.
void node::state::watch() {
  while (!all_ended()) {
    auto wait = std::chrono::milliseconds{trouble_every};
    if (shows_progress)
      wait = progress_every;
    look_for_giving_up();
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - runtime.now());
      if (left <= 0ms) {
        if (aborting) {
          stuck = true;
          return;
        }
        log.write(log::level::warning, "the drain took too long: aborting",
                  {{"drain_timeout_ms", std::to_string(settings.drain_timeout.count())}});
        abort_all();
        continue;
      }
      wait = std::min(wait, left);
    }
    pollfd fds[] = {{signals.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}};
    ::poll(fds, 2, static_cast<int>(wait.count()));
    if ((fds[0].revents & POLLIN) != 0)
      on_signal();
    if ((fds[1].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(ended.get(), &count, sizeof count);
      log_failures();
      log_replays();
    }
    log_trouble();
    if (shows_progress)
      show_progress();
  }
}

void node::state::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals.get(), &info, sizeof info) == sizeof info) {
    const std::string name = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    // A terminal or a service manager tells the child and its parent, which passes it on: that is one signal.
    const auto parent = kept_alive_by();
    auto& told =
        parent && static_cast<pid_t>(info.ssi_pid) == *parent ? told_by_parent : told_by_others;
    const bool first = !told_by_parent && !told_by_others;
    const bool again = std::exchange(told, true);
    if (!draining) {
      log.write(
          log::level::info, "draining",
          {{"signal", name}, {"drain_timeout_ms", std::to_string(settings.drain_timeout.count())}});
      drain_all();
    } else if (!aborting && again) {
      log.write(log::level::warning, "aborting", {{"signal", name}});
      abort_all();
    } else if (!aborting && first) { // a pipeline that failed has begun the drain
      log.write(log::level::info, "draining already; once more aborts", {{"signal", name}});
    }
  }
}

void node::state::log_failures() {
  std::vector<failure> seen;
  std::uint64_t left_out = 0;
  {
    const std::lock_guard guard{lock};
    seen.swap(failures);
    left_out = std::exchange(failures_left_out, 0);
  }
  for (const auto& why : seen)
    log.write(log::level::warning, "worker failed", {{"why", why.message()}});
  if (left_out > 0)
    log.write(log::level::warning, "more workers failed", {{"count", std::to_string(left_out)}});
}

void node::state::log_replays() {
  std::vector<replay_news> seen;
  {
    const std::lock_guard guard{lock};
    seen.swap(replays);
  }
  for (const auto& one : seen) {
    if (one.finished)
      log.write(log::level::info, "a replay has ended",
                {{"pipeline", one.pipeline}, {"outcome", to_string(one.outcome)}});
    else
      log.write(log::level::info, "a replay has begun", {{"pipeline", one.pipeline}});
  }
}

void node::state::log_trouble() {
  if (runtime.now() - looked_for_trouble < trouble_every)
    return;
  looked_for_trouble = runtime.now();
  for (const auto& one : running) {
    const auto snapshot = one->snapshot();
    if (!snapshot.dead_letters_trouble.empty())
      log.write(log::level::warning, "dead letters are refused",
                {{"pipeline", snapshot.pipeline},
                 {"waiting", std::to_string(snapshot.dead_letters_waiting)},
                 {"why", snapshot.dead_letters_trouble}});
    for (const auto& stage : snapshot.stages) {
      auto& seen = runs_failed[snapshot.pipeline + "/" + stage.stage];
      if (const auto more = stage.failed - std::exchange(seen, stage.failed); more > 0)
        log.write(log::level::warning, "runs failed",
                  {{"pipeline", snapshot.pipeline},
                   {"stage", stage.stage},
                   {"count", std::to_string(more)},
                   {"last", stage.last_failure}});
      if (!stage.waits_for.empty()) // nothing else will end that
        log.write(log::level::warning, "a stage takes nothing any more",
                  {{"pipeline", snapshot.pipeline},
                   {"stage", stage.stage},
                   {"waits_for", stage.waits_for}});
    }
  }
}

void node::state::show_progress() {
  ledger_totals totals;
  for (const auto& one : running)
    totals += one->snapshot().ledger;
  line.update(std::chrono::duration_cast<std::chrono::milliseconds>(runtime.now() - began), totals,
              input ? input() : std::nullopt);
}

run_outcome node::state::outcome() {
  if (not_started)
    return {exit_codes::failed, "did not start: " + not_started->message()};
  ledger_totals totals;
  bool twice = false;
  for (const auto& one : running) {
    const auto snapshot = one->snapshot();
    totals += snapshot.ledger;
    twice = twice || snapshot.settled_twice;
  }
  if (!stuck && (!totals.balanced() || twice))
    return {exit_codes::not_balanced, "the ledger does not balance: " + to_string(totals)
                                          + (twice ? "; an item was settled twice" : "")};
  const auto left = totals.in_flight == 0
                        ? std::string{}
                        : " (" + std::to_string(totals.in_flight)
                              + " in flight were not acknowledged: the source delivers them again)";
  if (!failed && !aborting)
    for (const auto& one : running)
      if (auto why = one->why(); !failed && !why.chain.empty())
        failed = std::move(why);
  if (failed)
    return {exit_codes::failed, "failed: " + failed->message() + left};
  if (aborting) {
    if (totals.in_flight == 0 && !stuck)
      return {exit_codes::ok, "aborted with nothing in flight"};
    return {exit_codes::left_over, "aborted" + left};
  }
  if (totals.in_flight > 0)
    return {exit_codes::left_over, "ended" + left};
  return {exit_codes::ok, draining ? "drained and balanced" : "finished and balanced"};
}

void node::state::finish() {
  const std::chrono::duration<double> elapsed = runtime.now() - began;
  report = {};
  for (const auto& one : running)
    report.pipelines.push_back(report_of(*one, elapsed, runtime.wall_clock()));
  if (recorder) {
    report.deaths.emplace();
    for (const auto& one : recorder->last_life().deaths)
      report.deaths->push_back(one);
  }
  report.outcome = outcome();
  for (const auto& one : report.pipelines)
    for (const auto& run : one.abandoned)
      log.write(log::level::warning, "an abandoned run still goes on",
                {{"pipeline", one.pipeline},
                 {"worker", run.worker},
                 {"seconds", std::to_string(static_cast<std::uint64_t>(run.seconds))}});
  const auto& [code, sentence] = report.outcome;
  log.write(code == exit_codes::ok ? log::level::info : log::level::error, sentence,
            {{"exit_code", std::to_string(code)}});
  if (!settings.report.empty())
    if (auto written = write_report(settings.report, report); !written) {
      log.write(log::level::error, "the report was not written",
                {{"why", written.error().message()}});
      report.outcome.exit_code = code == exit_codes::ok ? exit_codes::failed : code;
    }
  if (!running.empty())
    std::cout << to_text(report, terminal_charset()) << std::flush;
}

} // namespace weir
