#include <weir/pipeline/graph.hpp>
#include <weir/pipeline/option_table.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace weir {

namespace {

/// Collects what is wrong with the stages, a sentence each.
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
    if (!internal::is_name(one.name))
      say("a name is 1 to " + std::to_string(internal::name_length_max)
          + " characters a-z, 0-9, '-', '_', '.', the first a letter");
    if (!seen_.insert(one.name).second)
      say("there is another stage of that name");
  }

  void mailbox(std::size_t index) {
    const auto& one = whole_.stages[index];
    const auto capacity = one.options.mailbox_capacity;
    if (one.kind == stage_kind::source)
      return;
    if (const auto rings = whole_.rings_into(index);
        capacity > 0 && capacity < rings && one.options.workers > 0)
      say("mailbox_capacity " + std::to_string(capacity) + " can't be shared among the "
          + std::to_string(rings) + " workers before it: it must be at least as many");
    if (one.kind == stage_kind::batch && capacity > 0 && one.batch.size_max > capacity)
      say("size_max " + std::to_string(one.batch.size_max) + " is larger than mailbox_capacity "
          + std::to_string(capacity));
  }

  void held_keys(std::size_t index) {
    const auto& one = whole_.stages[index];
    if (*one.held_max == 0)
      say("held_max must be at least 1");
    if (!one.may_fail)
      say("hold_key is for a stage that may fail");
    const auto shared = std::ranges::any_of(whole_.edges, [&](const auto& edge) {
      return edge.to == index && edge.how == internal::spread::any;
    });
    if (one.options.workers > 1 && shared)
      say("with hold_key and several workers it must lie behind a key_by of the same key");
  }

  void options(std::size_t index) {
    const auto& one = whole_.stages[index];
    const auto& chosen = one.options;
    bounds(one);
    if (one.kind == stage_kind::source && chosen.workers > 1)
      say("a source has one worker; merge several sources instead");
    if (chosen.retry.delay_max < chosen.retry.delay_min)
      say("retry.delay_max is less than retry.delay_min");
    items_in_flight(one);
    item_time(one);
    if (!one.waits && chosen.timeout.count() > 0)
      say("timeout is for what is awaitable and for sinks that settle later: nothing else can be "
          "interrupted");
    if (one.may_fail && !whole_.has_dead_letters)
      say("it may fail, but the pipeline has no dead_letters_to");
    if (one.held_max)
      held_keys(index);
  }

  /// The mailbox_capacity of a batch is in both of its structs.
  void bounds(const graph_stage& one) {
    auto found = internal::out_of_bounds(one.options);
    if (one.kind == stage_kind::batch)
      for (auto& sentence : internal::out_of_bounds(one.batch))
        if (std::ranges::find(found, sentence) == found.end())
          found.push_back(std::move(sentence));
    for (auto& sentence : found)
      say(std::move(sentence));
  }

  void items_in_flight(const graph_stage& one) {
    const auto in_flight_max = one.options.in_flight_max;
    const bool several = one.waits || one.side_by_side;
    if (several && in_flight_max > std::max(1U, one.options.mailbox_capacity))
      say("in_flight_max " + std::to_string(in_flight_max) + " is larger than mailbox_capacity "
          + std::to_string(one.options.mailbox_capacity));
    if (!several && in_flight_max > 1)
      say("in_flight_max is for functions, for sinks of single items, and for those that settle "
          "later: this takes one at a time");
  }

  void item_time(const graph_stage& one) {
    if (one.options.item_time_max.count() <= 0)
      return;
    if (one.kind != stage_kind::transform && one.kind != stage_kind::sink)
      say("item_time_max is for stages with a function and for sinks");
    else if (one.settles_later)
      say("item_time_max is not for sinks that settle later: these have a timeout");
    else if (!one.may_fail && !whole_.has_dead_letters)
      say("its items may be stuck (item_time_max), but the pipeline has no dead_letters_to");
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

/// Finds what is wrong with how the pipeline is supervised.
void inspect(const std::string& pipeline, const supervision_options& chosen,
             std::vector<std::string>& found) {
  for (const auto& sentence : internal::out_of_bounds(chosen))
    found.push_back("pipeline '" + pipeline + "': " + sentence);
  if (chosen.delays.delay_max < chosen.delays.delay_min)
    found.push_back("pipeline '" + pipeline
                    + "': supervision.delays.delay_max is less than supervision.delays.delay_min");
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

} // namespace

std::vector<std::string> graph::problems() const {
  auto found = mistakes;
  if (!internal::is_name(name))
    found.push_back("pipeline '" + name + "': a name is 1 to "
                    + std::to_string(internal::name_length_max)
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

} // namespace weir
