#include <weir/cli/dead_letter_text.hpp>
#include <weir/cli/dead_letters_command.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/value_text.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace weir {

namespace {

struct action {
  const char* name;
  const char* operand; ///< what is named behind it
  const char* summary;
};

constexpr std::array actions{
    action{"list", "", "Lists dead letters, in the order of keys and arrival."},
    action{"show", "ID", "Shows all that is known about one, and its payload."},
    action{"histogram", "", "Counts them by stage and cause."},
    action{"edit", "ID", "Replaces the payload of one."},
    action{"replay", "", "Asks for their replay: by the running pipeline, or when it starts next."},
    action{"cancel", "", "Takes back what was asked for, and not begun."},
    action{"purge", "", "Removes them for good."},
    action{"export", "", "Writes them as JSON, one a line."},
    action{"audit", "", "Shows who did what to them, and when."}};

/// What the command was told.
struct request {
  std::string path;
  std::vector<std::string> ids;
  std::string pipeline;
  std::string stage;
  std::string source;
  std::string cause;
  std::string kind;
  std::optional<std::string> key;
  std::string state;
  std::string since;
  std::string until;
  std::uint64_t limit = 0;
  std::string payload;
  bool only_payload = false;
  bool only_payload_before = false;
  bool all = false;
  bool dry_run = false;
  bool force = false;
  std::uint32_t replays_max = replay_terms{}.replays_max;
  std::string output = "text";
};

bool is(const action& one, std::string_view name) { return one.name == name; }
/// Does it change many at once? Then somebody has to say which.
bool changes_many(const action& one) {
  return is(one, "replay") || is(one, "cancel") || is(one, "purge");
}
/// Does it leave the store as it is? But for the audit, that is.
tool_use use_of(const action& one, const request& asked) {
  const bool works = (changes_many(one) || is(one, "edit")) && !asked.dry_run;
  return works ? tool_use::work : tool_use::look;
}
/// Does it work on those that a filter lets through?
bool filters(const action& one) {
  return !is(one, "show") && !is(one, "edit") && !is(one, "audit");
}

void declare(configuration& config, const action& what, request& asked, bool with_path) {
  if (with_path)
    config.option("dead-letters", asked.path, "The file that the dead letters are in.")
        .value_name("FILE");
  if (filters(what)) {
    config.option("id", asked.ids, "Only these.").value_name("ID");
    config.option("pipeline", asked.pipeline, "Only those of this pipeline.");
    config.option("stage", asked.stage, "Only those that failed in this stage.");
    config.option("source", asked.source, "Only those that came from this source.");
    config.option("cause", asked.cause, "Only those in whose cause this occurs.");
    config.option("kind", asked.kind, "Only those that failed in this way.")
        .one_of({"transient", "poison", "fatal"});
    config.option("key", asked.key, "Only those of this key.");
    config.option("state", asked.state, "Only those in this state.")
        .one_of({"kept", "requested", "replaying"});
    config
        .option("since", asked.since,
                "Only those that last failed then or later: 2024-01-31T12:00:00Z, or 2h for two "
                "hours ago.")
        .value_name("TIME");
    config.option("until", asked.until, "Only those that last failed earlier.").value_name("TIME");
    config.option("limit", asked.limit, "Only the first so many; 0: all.");
  }
  if (is(what, "edit")) {
    config.option("payload", asked.payload, "The file with the new payload; - is standard input.")
        .value_name("FILE")
        .required();
    config.option("force", asked.force, "Also if the new payload is empty.");
  }
  if (is(what, "show")) {
    config.option("payload", asked.only_payload, "Only the payload, byte by byte: for edit.");
    config.option("payload-before", asked.only_payload_before,
                  "Only the payload that its last edit replaced.");
  }
  if (changes_many(what))
    config.option("all", asked.all, "Every one, where no other flag says which.");
  if (is(what, "purge") || is(what, "replay"))
    config.option("dry-run", asked.dry_run, "Only says what would happen.");
  if (is(what, "replay")) {
    config.option("replays-max", asked.replays_max,
                  "Leaves out what failed again in so many replays.");
    config.option("force", asked.force, "Leaves out nothing.");
  }
  if (is(what, "export")) {
    asked.output = "json";
    config.option("output", asked.output, "There is no other; or -o.").one_of({"json"});
  } else if (!is(what, "edit"))
    config.option("output", asked.output, "For people or for programs; or -o.")
        .one_of({"text", "json"});
}

std::string overview(const std::string& name) {
  std::string text = "Works on dead letters, beside the running service or without it.\n\nUsage: "
                     + name + " ACTION [ID] [FLAG]...\n\n";
  for (const auto& one : actions)
    text += "  " + padded_right(one.name + std::string{*one.operand ? " " : ""} + one.operand, 11)
            + "  " + one.summary + "\n";
  return text + "\nThe flags of each: " + name + " ACTION --help\n";
}

/// A time as it is written, or so long ago.
std::optional<std::chrono::system_clock::time_point> time_in(const std::string& text) {
  std::chrono::milliseconds ago{0};
  if (read_text(text, ago))
    return std::chrono::system_clock::now() - ago;
  return read_utc(text);
}

/// Who is at the keyboard: for the audit.
std::string user() {
  const auto* const name = std::getenv("USER");
  const auto uid = "uid " + std::to_string(::getuid());
  return name != nullptr && *name != '\0' ? std::string{name} + " (" + uid + ")" : uid;
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<std::size_t>(size.ws_col, 40);
  return 100;
}

/// One run of the command. Its functions return an exit code.
class run {
public:
  run(std::string name, request asked, dead_letter_filter filter, std::uint64_t id,
      dead_letter_queue& queue, dead_letter_queue& origin)
      : name_{std::move(name)},
        asked_{std::move(asked)},
        filter_{std::move(filter)},
        id_{id},
        queue_{queue},
        origin_{origin} {}

  int operator()(const action& what) {
    const int code = is(what, "list")        ? list()
                     : is(what, "show")      ? show()
                     : is(what, "histogram") ? histogram()
                     : is(what, "edit")      ? edit()
                     : is(what, "replay")    ? replay()
                     : is(what, "cancel")    ? cancel()
                     : is(what, "purge")     ? purge()
                     : is(what, "export")    ? write_all()
                                             : audit();
    if (code == exit_codes::ok && !std::cout.flush())
      return failed(fatal("can't write to standard output"));
    return code;
  }

private:
  int failed(const failure& why) const {
    std::cerr << name_ << ": " << why.message() << '\n';
    return exit_codes::failed;
  }
  bool as_json() const { return asked_.output == "json"; }

  int list() {
    constexpr std::uint64_t lines_max = 100; // unless told
    auto filter = filter_;
    if (!as_json() && filter.limit == 0)
      filter.limit = lines_max;
    if (as_json()) {
      const auto done = for_each_letter(queue_, filter, print);
      return done ? exit_codes::ok : failed(done.error());
    }
    std::vector<dead_letter> page; // without the payloads, which the table doesn't show
    const auto done = for_each_letter(queue_, filter, [&page](const dead_letter& one) {
      page.push_back(one);
      page.back().payload.clear();
      page.back().payload.shrink_to_fit();
      return result<void>{};
    });
    if (!done)
      return failed(done.error());
    if (page.empty()) {
      std::cout << "no dead letters\n";
      return exit_codes::ok;
    }
    std::cout << to_table(page, terminal_columns(), terminal_charset());
    if (page.size() < filter.limit)
      return exit_codes::ok;
    filter.limit = 0;
    auto causes = queue_.histogram(filter);
    if (!causes)
      return failed(causes.error());
    if (const auto all = sum(*causes); all > page.size())
      std::cout << page.size() << " of " << human_count(all) << " letters; --limit shows more\n";
    return exit_codes::ok;
  }

  int show() {
    if (asked_.only_payload_before)
      return show_payload_before();
    auto found = queue_.select({.ids = {id_}}, 1);
    if (!found)
      return failed(found.error());
    if (found->empty())
      return failed(no_letter(id_));
    if (asked_.only_payload) {
      std::cout << found->front().payload;
      return exit_codes::ok;
    }
    std::cout << (as_json() ? to_json(found->front()) + "\n"
                            : to_page(found->front(), terminal_charset()));
    return exit_codes::ok;
  }

  int show_payload_before() {
    std::optional<std::string> before;
    const auto about = ids_text({&id_, 1});
    auto done = for_each_line([&](dead_letter_audit& line) {
      if (line.payload_before && line.about == about)
        before = std::move(line.payload_before);
    });
    if (!done)
      return failed(done.error());
    if (!before)
      return failed(poison("there is no payload that an edit of letter " + std::to_string(id_)
                           + " replaced"));
    std::cout << *before;
    return exit_codes::ok;
  }

  int histogram() {
    auto causes = queue_.histogram(filter_);
    if (!causes)
      return failed(causes.error());
    print_causes(*causes);
    return exit_codes::ok;
  }

  int edit() {
    std::ifstream file;
    if (asked_.payload != "-") {
      std::error_code error;
      if (std::filesystem::is_directory(asked_.payload, error))
        return failed(fatal("'" + asked_.payload + "' is a folder"));
      file.open(asked_.payload, std::ios::binary);
      if (!file)
        return failed(fatal("can't read '" + asked_.payload + "'"));
    }
    auto& from = asked_.payload == "-" ? std::cin : file;
    std::string payload{std::istreambuf_iterator<char>{from}, {}};
    if (from.bad())
      return failed(fatal("can't read '" + asked_.payload + "'"));
    if (payload.empty() && !asked_.force)
      return failed(poison("the new payload is empty; if it is to be, --force"));
    auto before = queue_.select({.ids = {id_}}, 1);
    if (!before)
      return failed(before.error());
    const bool line_end_added =
        !before->empty() && payload.ends_with('\n') && !before->front().payload.ends_with('\n');
    const auto size = payload.size();
    if (auto done = queue_.edit(id_, std::move(payload), by_); !done)
      return failed(done.error());
    std::cout << "the payload of letter " << id_ << " is now " << size << " bytes\n";
    if (line_end_added)
      std::cerr
          << name_
          << ": note that it ends with a line end now, which it did not before; editors add one\n";
    return exit_codes::ok;
  }

  int replay() {
    const replay_terms terms{
        .replays_max = asked_.replays_max, .forced = asked_.force, .dry_run = asked_.dry_run};
    auto causes = queue_.histogram(filter_);
    if (!causes)
      return failed(causes.error());
    auto answer = queue_.request_replay(filter_, terms, by_);
    if (!answer)
      return failed(answer.error());
    if (as_json()) {
      std::cout << "{\"requested\":" << answer->requested << ",\"under_way\":" << answer->under_way
                << ",\"too_often\":" << answer->too_often
                << ",\"dry_run\":" << (terms.dry_run ? "true" : "false")
                << ",\"causes\":" << to_json(*causes) << "}\n";
      return exit_codes::ok;
    }
    if (terms.dry_run)
      print_causes(*causes);
    std::cout << (terms.dry_run ? "would be: " : "") << to_string(*answer);
    if (answer->requested > 0 && !terms.dry_run)
      std::cout << "; a running pipeline takes them up when it looks next (replay.look_every, 5 s "
                   "by default), else the next one does";
    std::cout << '\n';
    return exit_codes::ok;
  }

  int cancel() {
    return say(queue_.cancel_replay(filter_, by_), "kept", "not to be replayed any more",
               "being replayed already");
  }

  int purge() {
    if (asked_.dry_run)
      return would_be_removed();
    return say(queue_.purge(filter_, by_), "removed", "removed", "being replayed and left");
  }

  /// And what it could not be done to.
  int say(const result<std::uint64_t>& letters, const std::string& name, const char* became,
          const char* others) const {
    if (!letters)
      return failed(letters.error());
    auto left = being_replayed();
    if (!left)
      return failed(left.error());
    std::cout << (as_json() ? "{\"" + name + "\":" + std::to_string(*letters)
                                  + ",\"being_replayed\":" + std::to_string(*left) + "}"
                            : letters_text(*letters) + ' ' + became);
    if (*left > 0 && !as_json())
      std::cout << ", " << *left << ' ' << others;
    std::cout << '\n';
    return exit_codes::ok;
  }

  result<std::uint64_t> being_replayed() const {
    auto filter = filter_;
    filter.state = dead_letter_state::replaying;
    if (filter_.state.value_or(*filter.state) != *filter.state)
      return std::uint64_t{0};
    auto causes = queue_.histogram(filter);
    if (!causes)
      return std::move(causes.error());
    return sum(*causes);
  }

  /// All that is not being replayed, as far as the limit goes.
  int would_be_removed() {
    std::vector<dead_letter_count> causes;
    std::uint64_t stay = 0;
    for (const auto state : dead_letter_states) {
      if (filter_.state && *filter_.state != state)
        continue;
      auto filter = filter_;
      filter.state = state;
      auto some = queue_.histogram(filter);
      if (!some)
        return failed(some.error());
      if (state == dead_letter_state::replaying) {
        stay = sum(*some);
        continue;
      }
      for (auto& one : *some) {
        const auto same = std::ranges::find_if(causes, [&](const auto& other) {
          return other.stage == one.stage && other.cause == one.cause;
        });
        if (same == causes.end())
          causes.push_back(std::move(one));
        else
          same->count += one.count;
      }
    }
    std::ranges::stable_sort(causes, std::greater{}, &dead_letter_count::count);
    const auto all = sum(causes);
    const auto most = filter_.limit > 0 ? std::min(filter_.limit, all) : all;
    if (as_json()) {
      std::cout << "{\"would_be_removed\":" << most << ",\"being_replayed\":" << stay
                << ",\"causes\":" << to_json(causes) << "}\n";
      return exit_codes::ok;
    }
    if (!causes.empty())
      print_causes(causes);
    std::cout << "would be: " << letters_text(most) << " removed";
    if (stay > 0)
      std::cout << ", " << stay << " being replayed and left";
    std::cout << '\n';
    return exit_codes::ok;
  }

  int write_all() {
    auto done = for_each_letter(queue_, filter_, print);
    if (!done)
      return failed(done.error());
    if (!std::cout.flush())
      return failed(fatal("can't write to standard output"));
    if (auto noted = note_export(*done); !noted) // who may only read may export
      std::cerr << name_ << ": note that the audit has no line of this: " << noted.error().message()
                << '\n';
    return exit_codes::ok;
  }
  result<void> note_export(std::uint64_t letters) {
    auto own = origin_.for_tool(tool_use::work);
    if (!own)
      return std::move(own.error());
    auto& to = *own ? **own : queue_;
    return to.note({.number = 0,
                    .at = by_.at,
                    .who = by_.who,
                    .what = "export",
                    .about = filter_.text(),
                    .outcome = letters_text(letters) + " written"});
  }

  int audit() {
    const auto done = for_each_line([this](const dead_letter_audit& one) {
      std::cout << (as_json() ? to_json(one) + "\n"
                              : to_line(one, terminal_columns(), terminal_charset()));
    });
    return done ? exit_codes::ok : failed(done.error());
  }
  template <class Show>
  result<void> for_each_line(Show show) {
    constexpr std::size_t lines_at_once = 100;
    for (std::uint64_t after = 0;;) {
      auto lines = queue_.audit(after, lines_at_once);
      if (!lines)
        return std::move(lines.error());
      if (lines->empty())
        return {};
      after = lines->back().number;
      for (auto& one : *lines)
        show(one);
    }
  }

  static result<void> print(const dead_letter& one) {
    if (std::cout << to_json(one) << '\n')
      return {};
    return fatal("can't write to standard output");
  }
  void print_causes(const std::vector<dead_letter_count>& causes) const {
    std::cout << (as_json() ? to_json(causes) + "\n"
                            : to_bars(causes, terminal_columns(), terminal_charset()));
  }
  static std::uint64_t sum(const std::vector<dead_letter_count>& causes) {
    std::uint64_t all = 0;
    for (const auto& one : causes)
      all += one.count;
    return all;
  }

  const std::string name_;
  const request asked_;
  const dead_letter_filter filter_;
  const std::uint64_t id_;
  dead_letter_queue& queue_;
  dead_letter_queue& origin_; // what queue_ was made from
  const done_by by_{user()};
};

/// The filter, or what is wrong with it.
std::string filter_in(const request& asked, dead_letter_filter& filter) {
  for (const auto& one : asked.ids)
    if (!read_text(one, filter.ids.emplace_back()))
      return "--id: expected a whole number, found \"" + one + "\"";
  filter.pipeline = asked.pipeline;
  filter.stage = asked.stage;
  filter.source = asked.source;
  filter.cause = asked.cause;
  filter.key = asked.key;
  filter.limit = asked.limit;
  for (const auto kind : failure_kinds)
    if (to_string(kind) == asked.kind)
      filter.kind = kind;
  for (const auto state : dead_letter_states)
    if (to_string(state) == asked.state)
      filter.state = state;
  for (auto [flag, text, time] : {std::tuple{"--since", &asked.since, &filter.since},
                                  {"--until", &asked.until, &filter.until}})
    if (!text->empty() && !(*time = time_in(*text)))
      return std::string{flag} + ": expected a time as 2024-01-31T12:00:00Z, or how long ago as "
             + "2h, found \"" + *text + "\"";
  return {};
}

/// Where the letter's id is among the arguments: what is no flag, and no flag's value. Their number, if nowhere.
std::size_t place_of_id(const std::vector<const char*>& arguments) {
  for (std::size_t k = 1; k < arguments.size(); ++k) {
    const std::string_view one{arguments[k]};
    if (!one.starts_with('-'))
      return k;
    const bool alone = one == "--force" || one == "--payload-before"
                       || (one == "--payload" && std::string_view{arguments.front()} == "show");
    if (!alone && one.find('=') == one.npos)
      ++k;
  }
  return arguments.size();
}

/// `open` is empty where the queue is given.
int command(int argc, const char* const* argv, const std::string& program,
            const open_dead_letters& open, dead_letter_queue* queue) {
  const auto name = program + " dead-letters";
  std::vector<const char*> arguments(argv + std::min(argc, 1), argv + argc);
  const auto refused = [&](const std::string& mistake, const std::string& help) {
    std::cerr << name << ": " << mistake << "\nTry '" << help << " --help'.\n";
    return exit_codes::usage;
  };
  if (arguments.empty())
    return refused("what is to be done?", name);
  const std::string_view given{arguments.front()};
  if (given == "--help" || given == "-h") {
    std::cout << overview(name);
    return exit_codes::ok;
  }
  const auto* const what =
      std::ranges::find_if(actions, [&](const auto& one) { return is(one, given); });
  if (what == actions.end()) {
    std::vector<std::string> names;
    names.reserve(actions.size());
    for (const auto& one : actions)
      names.emplace_back(one.name);
    return refused("\"" + std::string{given} + "\": no such action" + did_you_mean(given, names),
                   name);
  }

  const auto full = name + " " + what->name;
  const bool takes_id = *what->operand != '\0';
  const bool wants_id = takes_id && std::ranges::none_of(arguments, [](std::string_view one) {
                          return one == "--help" || one == "-h" || one == "--version";
                        });
  std::uint64_t id = 0;
  if (wants_id) {
    const auto place = place_of_id(arguments);
    if (place == arguments.size())
      return refused("the letter's id is missing", full);
    if (!read_text(std::string_view{arguments[place]}, id))
      return refused("expected the id of a letter, found \"" + std::string{arguments[place]} + "\"",
                     full);
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(place));
  }
  for (auto& one : arguments)
    if (std::string_view{one} == "-o")
      one = "--output";

  request asked;
  configuration config{full, what->summary};
  config.flags_only((takes_id ? "ID " : "") + std::string{"[FLAG]..."});
  declare(config, *what, asked, queue == nullptr);
  auto outcome = config.parse(static_cast<int>(arguments.size()), arguments.data());
  dead_letter_filter filter;
  if (outcome)
    if (const auto mistake = filter_in(asked, filter); !mistake.empty())
      outcome = config.refuse(mistake);
  if (outcome && changes_many(*what) && filter == dead_letter_filter{} && !asked.all)
    outcome = config.refuse("which ones? --all says all of them");
  if (outcome && queue == nullptr && asked.path.empty()) {
    const auto variable = option{"dead-letters", &asked.path, ""}.variable(program);
    if (const auto value = process_environment(variable); value && !value->empty())
      asked.path = *value;
    else
      outcome = config.refuse("--dead-letters is required (or " + variable + ")");
  }
  if (!outcome) {
    (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
    return outcome.exit_code();
  }

  const auto failed = [&full](const std::string& why) {
    std::cerr << full << ": " << why << '\n';
    return exit_codes::failed;
  };
  std::shared_ptr<dead_letter_queue> opened;
  auto* origin = queue;
  if (queue == nullptr) {
    std::error_code error;
    if (!std::filesystem::exists(asked.path, error)) // a tool makes no store by looking for one
      return failed("there is no file '" + asked.path + "'");
    opened = open(asked.path);
    origin = opened.get();
  }
  auto own = origin->for_tool(use_of(*what, asked));
  if (!own)
    return failed(own.error().message());
  queue = *own ? own->get() : origin;
  if (auto ready = queue->open(); !ready)
    return failed(ready.error().message());
  return run{full, std::move(asked), std::move(filter), id, *queue, *origin}(*what);
}

} // namespace

int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         const open_dead_letters& open) {
  return command(argc, argv, program, open, nullptr);
}

int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         dead_letter_queue& queue) {
  return command(argc, argv, program, {}, &queue);
}

} // namespace weir
