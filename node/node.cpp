#include <weir/node/alive.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/last_life.hpp>
#include <weir/node/log.hpp>
#include <weir/node/node.hpp>
#include <weir/node/node_view.hpp>
#include <weir/node/parts.hpp>
#include <weir/node/pipeline_news.hpp>
#include <weir/node/progress.hpp>
#include <weir/node/report.hpp>
#include <weir/node/report_of.hpp>
#include <weir/node/run_end.hpp>
#include <weir/node/run_verdict.hpp>
#include <weir/node/running_trees.hpp>
#include <weir/node/stop_signals.hpp>
#include <weir/node/trouble_watch.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace weir {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds progress_every = 200ms;

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 100;
}

internal::progress::options progress_options(const std::string& wanted) {
  const bool shown = wanted == "always" || (wanted == "auto" && ::isatty(STDERR_FILENO) != 0);
  return {.terminal = shown, .columns = terminal_columns(), .shown = internal::terminal_charset()};
}

std::string names_of(const parts& all) {
  std::string names;
  for (const auto& one : all.pipelines)
    names += (names.empty() ? "" : ", ") + one.name();
  for (const auto& one : all.trees)
    names += (names.empty() ? "" : ", ") + one.name();
  return names;
}

/// Of one that a node runs itself; `told`: to stop.
part_view view_of(const running_pipeline& one, bool told) {
  const auto why = one.why();
  const auto running = told ? child_now::stopping : child_now::running;
  return {.path = one.name(),
          .what = part_view::kind::pipeline,
          .now = one.workers_have_finished() ? child_now::ended : running,
          .last_restarts = {},
          .last_failure = why.chain.empty() ? std::string{} : why.message(),
          .lives = {{.life = 1, .does = one.view()}},
          .children = {}};
}

} // namespace

struct node::state {
  state(node_settings given, std::function<std::optional<input_progress>()> read)
      : settings{std::move(given)},
        input{std::move(read)},
        shows_progress{progress_options(settings.progress).terminal},
        runtime{{.threads = settings.threads}},
        line{std::cerr, progress_options(settings.progress)},
        log{settings.log_level, settings.log_format, line},
        news{runtime.now()} {}

  int run(parts all);
  node_view view() const;
  bool start(parts all);
  bool start(std::vector<pipeline> pipelines);
  bool refuse_to_start(failure why, std::optional<std::string> pipeline = {});
  internal::pipeline_observer observer(std::string name);
  void watch(internal::run_end& end);
  void show_state(const internal::run_end& end);
  void show_progress();
  internal::run_facts facts(const internal::run_end& end) const;
  void finish(const internal::run_end& end);
  int leave(const internal::run_end& end);
  void take_down(bool trees_too);

  const node_settings settings;
  std::function<std::optional<input_progress>()> input;
  const bool shows_progress;
  internal::stop_signals signals; // before the threads of the runtime
  // Null: nothing is recorded. It outlives the runtime, which keeps the pipelines that were abandoned.
  std::unique_ptr<internal::flight_recorder> recorder;
  weir::runtime runtime;
  internal::progress line;
  weir::internal::log log;
  internal::pipeline_news news;

  std::chrono::steady_clock::time_point began{};
  std::optional<failure> not_started;
  run_report report;

  std::atomic<node_view::state> now{node_view::state::idle};
  std::atomic<bool> pipelines_told{false}; // to stop
  mutable std::mutex
      parts_lock; // guards what follows for view(); only the node's thread changes it
  std::vector<std::unique_ptr<running_pipeline>>
      running;                                    // that have started; destroyed after the trees
  std::unique_ptr<internal::running_trees> trees; // null: it has not run yet, or no longer
};

node::node(node_settings settings, std::function<std::optional<input_progress>()> input)
    : state_{std::make_unique<state>(internal::alive(std::move(settings)), std::move(input))} {}

node::~node() = default;

int node::run(std::vector<pipeline> pipelines) { return run(parts{std::move(pipelines)}); }
int node::run(pipeline one) { return run(parts{std::move(one)}); }
int node::run(parts all) { return state_->run(std::move(all)); }

const run_report& node::report() const { return state_->report; }

node_view node::view() const { return state_->view(); }

node_view node::state::view() const {
  node_view all{.now = now, .seen_at = runtime.now(), .children = {}};
  const std::lock_guard lock{parts_lock};
  for (const auto& one : running)
    all.children.push_back(view_of(*one, pipelines_told));
  if (trees)
    std::ranges::move(trees->view(), std::back_inserter(all.children));
  return all;
}

int node::state::run(parts all) {
  began = runtime.now();
  if (all.input)
    input = std::move(all.input);
  pipelines_told = false;
  now = node_view::state::running;
  {
    const std::lock_guard lock{parts_lock};
    trees = std::make_unique<internal::running_trees>(runtime, news, settings.replay_rate);
  }
  internal::run_end end{running, *trees, runtime, settings.drain_timeout, log};
  if (start(std::move(all))) {
    watch(end);
    news.log_to(log);
    line.erase();
  }
  finish(end);
  return leave(end);
}

/// True if all of them run. Else those that have begun are aborted.
bool node::state::start(parts all) {
  if (!settings.flight_recorder.empty()) {
    auto opened = internal::open_recorder(settings.flight_recorder, names_of(all), log);
    if (!opened)
      return refuse_to_start(std::move(opened.error()));
    recorder = std::move(*opened);
  }
  if (!start(std::move(all.pipelines)))
    return false;
  const auto begun = [&] {
    const std::lock_guard lock{parts_lock};
    return trees->start(std::move(all.trees), recorder.get());
  }();
  return begun || refuse_to_start(begun.error());
}

bool node::state::start(std::vector<pipeline> pipelines) {
  for (auto& one : pipelines) {
    if (settings.replay_rate > 0)
      one.replay_at({.permits = settings.replay_rate});
    auto told = observer(one.name());
    auto made = std::make_unique<running_pipeline>(std::move(one), runtime, std::move(told),
                                                   recorder.get());
    const auto name = made->name();
    if (auto begun = made->start(); !begun) {
      made.reset();
      return refuse_to_start(std::move(begun.error()), name);
    }
    {
      const std::lock_guard lock{parts_lock};
      running.push_back(std::move(made));
    }
    for (const auto& remark : running.back()->remarks())
      log.write(internal::log::level::info, remark, {{"pipeline", name}});
    if (const auto how = running.back()->delivery())
      log.write(internal::log::level::info, "started",
                {{"pipeline", name}, {"delivery", to_string(*how)}});
    else
      log.write(internal::log::level::info, "started", {{"pipeline", name}});
  }
  return true;
}

bool node::state::refuse_to_start(failure why, std::optional<std::string> pipeline) {
  not_started = std::move(why);
  if (pipeline)
    log.write(internal::log::level::error, "did not start",
              {{"pipeline", *pipeline}, {"why", not_started->message()}});
  else
    log.write(internal::log::level::error, "did not start", {{"why", not_started->message()}});
  for (const auto& other : running)
    other->abort();
  return false;
}

internal::pipeline_observer node::state::observer(std::string name) {
  return {
      .worker_failed = [this](const failure& why) { news.worker_failed(why, runtime.now()); },
      .ended = [this] { news.ended(); },
      .replay = [this, name = std::move(name)](const replay_run& run) { news.replay(name, run); }};
}

/// Sleeps until a signal, an end, a deadline, or the next look at the progress.
void node::state::watch(internal::run_end& end) {
  internal::trouble_watch trouble{began};
  const auto pause =
      shows_progress ? progress_every : std::chrono::milliseconds{internal::trouble_watch::period};
  while (!end.all_ended()) {
    const auto wait = end.advance(pause);
    show_state(end);
    if (!wait)
      return;
    pollfd fds[] = {{signals.readable(), POLLIN, 0}, {news.readable(), POLLIN, 0}};
    ::poll(fds, 2, static_cast<int>(wait->count()));
    if ((fds[0].revents & POLLIN) != 0)
      while (const auto told = signals.take())
        end.on_signal(*told);
    if ((fds[1].revents & POLLIN) != 0) {
      news.seen();
      news.log_to(log);
    }
    trouble.look([this] { return view(); }, runtime.now(), log);
    if (shows_progress)
      show_progress();
  }
}

void node::state::show_state(const internal::run_end& end) {
  using enum node_view::state;
  pipelines_told = end.pipelines_told();
  if (end.aborting())
    now = aborting;
  else
    now = end.draining() ? draining : node_view::state::running;
}

void node::state::show_progress() {
  ledger_totals totals;
  for (const auto& one : running)
    totals += one->snapshot().ledger;
  totals += trees->books().pipelines().ledger;
  line.update(std::chrono::duration_cast<std::chrono::milliseconds>(runtime.now() - began), totals,
              input ? input() : std::nullopt);
}

internal::run_facts node::state::facts(const internal::run_end& end) const {
  internal::run_facts facts{.not_started = not_started,
                            .failed = end.failed(),
                            .draining = end.draining(),
                            .aborting = end.aborting(),
                            .stuck = end.stuck()};
  for (const auto& one : running) {
    const auto snapshot = one->snapshot();
    facts.ledger += snapshot.ledger;
    facts.settled_twice = facts.settled_twice || snapshot.settled_twice;
  }
  const auto in_trees = trees->books().pipelines();
  facts.ledger += in_trees.ledger;
  facts.in_flight_before = in_trees.in_flight_before;
  facts.balanced = in_trees.balanced;
  facts.settled_twice = facts.settled_twice || in_trees.settled_twice;
  facts.stuck = facts.stuck || in_trees.lives; // one that was abandoned still goes on
  facts.children_killed = trees->books().count_killed();
  return facts;
}

/// Makes the report, logs how it ended, and shows and writes it.
void node::state::finish(const internal::run_end& end) {
  const std::chrono::duration<double> elapsed = runtime.now() - began;
  report = {};
  for (const auto& one : running)
    report.pipelines.push_back(internal::report_of(*one, elapsed, runtime.wall_clock()));
  report.trees = trees->report();
  if (recorder) {
    report.deaths.emplace();
    for (const auto& one : recorder->last_life().deaths)
      report.deaths->push_back(one);
  }
  report.outcome = internal::verdict_on(facts(end));
  for (const auto& one : report.pipelines)
    for (const auto& run : one.abandoned)
      log.write(internal::log::level::warning, "an abandoned run still goes on",
                {{"pipeline", one.pipeline},
                 {"worker", run.worker},
                 {"seconds", std::to_string(static_cast<std::uint64_t>(run.seconds))}});
  for (const auto& one : report.pipelines)
    for (const auto& worker : one.hanging)
      log.write(internal::log::level::error, "a call did not return",
                {{"pipeline", one.pipeline},
                 {"worker", worker.worker},
                 {"seconds", std::to_string(static_cast<std::uint64_t>(worker.seconds))}});
  const auto& [code, sentence] = report.outcome;
  log.write(code == exit_codes::ok ? internal::log::level::info : internal::log::level::error,
            sentence, {{"exit_code", std::to_string(code)}});
  if (!settings.report.empty())
    if (auto written = internal::write_report(settings.report, report); !written) {
      log.write(internal::log::level::error, "the report was not written",
                {{"why", written.error().message()}});
      report.outcome.exit_code = code == exit_codes::ok ? exit_codes::failed : code;
    }
  if (!running.empty() || !report.trees.empty())
    std::cout << internal::to_text(report, internal::terminal_charset()) << std::flush;
}

/// Ends the recorder and takes the pipelines down; returns the exit code, unless the process can only exit at once.
int node::state::leave(const internal::run_end& end) {
  const auto code = report.outcome.exit_code;
  if (recorder) {
    // Only after a whole run is what was settled stored too, with the position: else it may come again.
    if (code == exit_codes::ok && !end.aborting())
      recorder->end();
    else
      recorder->end_early();
  }
  if (end.stuck()) {
    // Its thread can't be joined. What it holds was not acknowledged, so nothing is lost with it.
    std::cout.flush();
    std::_Exit(code);
  }
  const auto left_running = [](const pipeline_report& one) { return !one.abandoned.empty(); };
  bool abandoned = trees->any_abandoned() || std::ranges::any_of(report.pipelines, left_running);
  for (const auto& tree : report.trees)
    for (const auto& child : tree.children)
      abandoned = abandoned || (child.pipeline && left_running(*child.pipeline));
  take_down(!trees->any_abandoned()); // else what is destroyed there it may still use
  if (!abandoned)
    recorder.reset();
  now = node_view::state::idle;
  if (abandoned) {
    // Abandoned runs and children can't be joined either, and what is destroyed when a process exits they may still use.
    std::cout.flush();
    std::fflush(nullptr);
    std::_Exit(code);
  }
  return code;
}

/// Whoever looks meanwhile finds nothing: it isn't done under the lock, as children that still run may look too.
void node::state::take_down(bool trees_too) {
  std::unique_ptr<internal::running_trees> old_trees;
  std::vector<std::unique_ptr<running_pipeline>> old_pipelines;
  {
    const std::lock_guard lock{parts_lock};
    if (trees_too)
      old_trees = std::move(trees);
    old_pipelines.swap(running);
  }
  old_trees.reset();
}

} // namespace weir
