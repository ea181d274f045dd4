#include <weir/mailbox/partition.hpp>
#include <weir/pipeline/graph.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <sstream>

namespace weir {

std::string_view to_string(stage_kind kind) noexcept {
  switch (kind) {
  case stage_kind::source:
    return "source";
  case stage_kind::transform:
    return "transform";
  case stage_kind::batch:
    return "batch";
  case stage_kind::broadcast:
    return "broadcast";
  case stage_kind::route:
    return "route";
  case stage_kind::sink:
    return "sink";
  }
  return "unknown";
}

std::string_view to_string(spread how) noexcept {
  switch (how) {
  case spread::any:
    return "any";
  case spread::by_key:
    return "by_key";
  case spread::straight:
    return "straight";
  }
  return "unknown";
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= name_length_max && letter(text.front())
         && std::ranges::all_of(text, [&](char c) {
              return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
            });
}

std::uint32_t graph::rings_into(std::size_t stage) const {
  std::uint32_t rings = 0;
  for (const auto& edge : edges)
    if (edge.to == stage)
      rings += edge.how == spread::straight ? 1 : stages[edge.from].options.workers;
  return rings;
}

namespace {

/// Collects sentences about one stage.
class inspector {
public:
  inspector(const graph& whole, std::vector<std::string>& found) : whole_{whole}, found_{found} {}

  void stage(std::size_t index) {
    const auto& one = whole_.stages[index];
    name_ = one.name;
    names(one);
    mailbox(index);
    options(index);
    flows(index);
  }

private:
  void say(std::string what) { found_.push_back("stage '" + name_ + "': " + std::move(what)); }

  void names(const graph_stage& one) {
    if (!is_name(one.name))
      say("a name is 1 to " + std::to_string(name_length_max)
          + " characters a-z, 0-9, '-', '_', '.', the first a letter");
    if (!seen_.insert(one.name).second)
      say("there is another stage of that name");
  }

  void mailbox(std::size_t index) {
    const auto& one = whole_.stages[index];
    const auto capacity = one.options.mailbox_capacity;
    if (one.kind == stage_kind::source)
      return;
    if (capacity == 0 || capacity > ring_base::capacity_max)
      say("mailbox_capacity must be 1 to " + std::to_string(ring_base::capacity_max) + ", not "
          + std::to_string(capacity));
    else if (const auto rings = whole_.rings_into(index);
             capacity < rings && one.options.workers > 0)
      say("mailbox_capacity " + std::to_string(capacity) + " can't be shared among the "
          + std::to_string(rings) + " workers before it: it must be at least as many");
    if (one.kind == stage_kind::batch && one.batch.size_max > capacity)
      say("size_max " + std::to_string(one.batch.size_max) + " is larger than mailbox_capacity "
          + std::to_string(capacity));
    if (one.kind == stage_kind::batch && one.batch.size_max > partition::in_flight_max)
      say("size_max " + std::to_string(one.batch.size_max) + " is more than the "
          + std::to_string(partition::in_flight_max) + " items that a source may have in flight");
  }

  void held_keys(std::size_t index) {
    const auto& one = whole_.stages[index];
    if (*one.held_max == 0)
      say("held_max must be at least 1");
    if (!one.may_fail)
      say("hold_key is for a stage that may fail");
    if (one.waits)
      say("hold_key is not for awaitable stages, which work on several items at a time");
    else if (one.options.outside_of_slices())
      say("hold_key can't be combined with in_flight_max or item_time_max");
    const auto shared = std::ranges::any_of(whole_.edges, [&](const auto& edge) {
      return edge.to == index && edge.how == spread::any;
    });
    if (one.options.workers > 1 && shared)
      say("with hold_key and several workers it must lie behind a key_by of the same key");
  }

  void options(std::size_t index) {
    const auto& one = whole_.stages[index];
    const auto& chosen = one.options;
    if (chosen.workers == 0 || chosen.workers > workers_max)
      say("workers must be 1 to " + std::to_string(workers_max) + ", not "
          + std::to_string(chosen.workers));
    if (one.kind == stage_kind::source && chosen.workers > 1)
      say("a source has one worker; merge several sources instead");
    if (chosen.retry.attempts == 0)
      say("retry.attempts must be at least 1: the first run counts");
    if (!(chosen.retry.factor >= 1.0)) // nor a NaN
      say("retry.factor must be at least 1");
    if (!(chosen.retry.jitter >= 0.0 && chosen.retry.jitter <= 1.0))
      say("retry.jitter must be 0 to 1");
    is_duration("retry.delay_min", chosen.retry.delay_min);
    is_duration("retry.delay_max", chosen.retry.delay_max);
    if (chosen.retry.delay_max < chosen.retry.delay_min)
      say("retry.delay_max is less than retry.delay_min");
    is_duration("timeout", chosen.timeout);
    is_duration("delay_max", one.batch.delay_max);
    if (one.kind == stage_kind::batch && one.batch.size_max == 0)
      say("size_max must be at least 1");
    if (chosen.rate.permits > 0 && chosen.rate.per <= std::chrono::milliseconds{0})
      say("rate.per must be longer than 0");
    not_too_long("rate.per", chosen.rate.per);
    if (chosen.outputs_max == 0)
      say("outputs_max must be at least 1");
    if (chosen.in_flight_max == 0)
      say("in_flight_max must be at least 1");
    if (one.waits || one.side_by_side)
      if (chosen.in_flight_max > std::max(1U, chosen.mailbox_capacity))
        say("in_flight_max " + std::to_string(chosen.in_flight_max)
            + " is larger than mailbox_capacity " + std::to_string(chosen.mailbox_capacity));
    if (!one.waits && !one.side_by_side && chosen.in_flight_max > 1)
      say("in_flight_max is for functions and for sinks of single items: this takes one at a time");
    is_duration("item_time_max", chosen.item_time_max);
    if (chosen.item_time_max.count() > 0) {
      if (one.kind != stage_kind::transform && one.kind != stage_kind::sink)
        say("item_time_max is for stages with a function and for sinks");
      else if (!one.may_fail && !whole_.has_dead_letters)
        say("its items may be stuck (item_time_max), but the pipeline has no dead_letters_to");
    }
    if (!one.waits && chosen.timeout.count() > 0)
      say("timeout is for awaitable stages: another can't be interrupted");
    if (one.may_fail && !whole_.has_dead_letters)
      say("it may fail, but the pipeline has no dead_letters_to");
    if (one.held_max)
      held_keys(index);
  }

  void is_duration(const std::string& what, std::chrono::milliseconds value) {
    if (value.count() < 0)
      say(what + " must not be negative, but is " + std::to_string(value.count()) + " ms");
    not_too_long(what, value);
  }
  void not_too_long(const std::string& what, std::chrono::milliseconds value) {
    if (value > duration_max)
      say(what + " must not be longer than a year, but is " + std::to_string(value.count())
          + " ms");
  }

  void flows(std::size_t index) {
    const auto& one = whole_.stages[index];
    for (std::uint32_t leg = 0; leg < one.legs; ++leg) {
      const auto flow = one.legs == 1 ? std::string{"its flow"} : "its flow " + std::to_string(leg);
      const auto used = std::ranges::count_if(
          whole_.edges, [&](const auto& edge) { return edge.from == index && edge.leg == leg; });
      if (used == 0)
        say(flow + " leads nowhere: end it with to()");
      if (used > 1)
        say(flow + " is used twice: broadcast() makes several of one");
    }
    if (one.kind != stage_kind::source
        && std::ranges::none_of(whole_.edges, [&](const auto& edge) { return edge.to == index; }))
      say("nothing flows into it: its flow was used before; broadcast() makes several of one");
  }

  const graph& whole_;
  std::vector<std::string>& found_;
  std::set<std::string> seen_;
  std::string name_;
};

/// What is wrong with how the pipeline is supervised.
void inspect(const std::string& pipeline, const supervision_options& chosen,
             std::vector<std::string>& found) {
  const auto say = [&](const char* what) {
    found.push_back("pipeline '" + pipeline + "': supervision." + what);
  };
  const auto& delays = chosen.delays;
  if (chosen.period.count() <= 0)
    say("period must be longer than 0");
  if (chosen.period > duration_max || delays.delay_max > duration_max)
    say("period and supervision.delays must not be longer than a year");
  if (delays.delay_min.count() < 0 || delays.delay_max < delays.delay_min)
    say("delays must be 0 <= delay_min <= delay_max");
  if (!(delays.factor >= 1.0))
    say("delays.factor must be at least 1");
  if (!(delays.jitter >= 0.0 && delays.jitter <= 1.0))
    say("delays.jitter must be 0 to 1");
}

/// Removes stages without predecessors until none is left; what remains goes round in a circle.
bool has_cycle(const graph& whole) {
  std::vector<bool> gone(whole.stages.size(), false);
  for (bool any = true; any;) {
    any = false;
    for (std::size_t k = 0; k < whole.stages.size(); ++k) {
      if (gone[k] || std::ranges::any_of(whole.edges, [&](const auto& edge) {
            return edge.to == k && !gone[edge.from];
          }))
        continue;
      gone[k] = true;
      any = true;
    }
  }
  return !std::ranges::all_of(gone, [](bool one) { return one; });
}

nlohmann::ordered_json options_of(const graph_stage& one) {
  nlohmann::ordered_json options;
  const auto& chosen = one.options;
  options["workers"] = chosen.workers;
  if (one.kind != stage_kind::source)
    options["mailbox_capacity"] = chosen.mailbox_capacity;
  if (one.kind == stage_kind::batch) {
    options["size_max"] = one.batch.size_max;
    options["delay_max_ms"] = one.batch.delay_max.count();
    if (one.closed_by_item)
      options["closed_by_item"] = true;
  }
  if (one.may_fail) {
    options["retry"] = {{"immediate", chosen.retry.immediate},
                        {"delay_min_ms", chosen.retry.delay_min.count()},
                        {"delay_max_ms", chosen.retry.delay_max.count()}};
    if (chosen.retry.attempts == unlimited)
      options["retry"]["attempts"] = "unlimited";
    else
      options["retry"]["attempts"] = chosen.retry.attempts;
  }
  if (one.waits || chosen.in_flight_max > 1) {
    options["in_flight_max"] = chosen.in_flight_max;
    if (one.waits)
      options["timeout_ms"] = chosen.timeout.count();
    options["order"] = chosen.order == order::kept ? "kept" : "relaxed";
  }
  if (chosen.item_time_max.count() > 0)
    options["item_time_max_ms"] = chosen.item_time_max.count();
  if (chosen.rate.permits > 0)
    options["rate"] = {{"permits", chosen.rate.permits},
                       {"per_ms", chosen.rate.per.count()},
                       {"burst", chosen.rate.burst}};
  if (one.held_max)
    options["held_max"] = *one.held_max;
  options["execution"] = chosen.execution == execution::shared ? "shared" : "own_thread";
  return options;
}

} // namespace

std::vector<std::string> graph::problems() const {
  auto found = mistakes;
  if (!is_name(name))
    found.push_back("pipeline '" + name + "': a name is 1 to " + std::to_string(name_length_max)
                    + " characters a-z, 0-9, '-', '_', '.', the first a letter");
  if (std::ranges::none_of(stages, [](const auto& one) { return one.kind == stage_kind::sink; }))
    found.push_back("pipeline '" + name + "' has no sink: end its flows with to()");
  inspect(name, supervision, found);
  inspector look{*this, found};
  for (std::size_t k = 0; k < stages.size(); ++k)
    look.stage(k);
  if (has_cycle(*this))
    found.push_back("pipeline '" + name
                    + "' goes round in a circle: put a store between a sink and a source instead");
  return found;
}

std::string graph::to_json() const {
  nlohmann::ordered_json whole;
  whole["pipeline"] = name;
  whole["dead_letters"] = has_dead_letters;
  whole["stages"] = nlohmann::ordered_json::array();
  for (const auto& one : stages) {
    nlohmann::ordered_json stage{{"stage", one.name}, {"kind", to_string(one.kind)}};
    if (!one.input.empty())
      stage["input"] = one.input;
    if (!one.output.empty())
      stage["output"] = one.output;
    stage["may_fail"] = one.may_fail;
    stage["options"] = options_of(one);
    whole["stages"].push_back(std::move(stage));
  }
  whole["edges"] = nlohmann::ordered_json::array();
  for (const auto& edge : edges)
    whole["edges"].push_back({{"from", stages[edge.from].name},
                              {"leg", edge.leg},
                              {"to", stages[edge.to].name},
                              {"spread", to_string(edge.how)}});
  return whole.dump(2);
}

std::string graph::to_dot() const {
  std::ostringstream dot;
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  dot << "digraph " << quoted(name) << " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const auto& one : stages) {
    auto label = one.name;
    if (one.options.workers > 1)
      label += " ×" + std::to_string(one.options.workers);
    const auto* shape = one.kind == stage_kind::source || one.kind == stage_kind::sink ? "cds"
                        : one.kind == stage_kind::batch                                ? "box3d"
                                                                                       : "box";
    dot << "  " << quoted(one.name) << " [label=" << quoted(label) << ", shape=" << shape << "];\n";
  }
  for (const auto& edge : edges) {
    dot << "  " << quoted(stages[edge.from].name) << " -> " << quoted(stages[edge.to].name)
        << " [label=" << quoted(std::to_string(stages[edge.to].options.mailbox_capacity));
    if (edge.how == spread::by_key)
      dot << ", style=bold";
    dot << "];\n";
  }
  dot << "}\n";
  return dot.str();
}

} // namespace weir
