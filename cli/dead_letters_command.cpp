#include <weir/cli/dead_letter_changes.hpp>
#include <weir/cli/dead_letter_looks.hpp>
#include <weir/cli/dead_letters_command.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/value_text.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace weir {

namespace {

using arguments = std::vector<const char*>; // the action first

/// Finds the letter's id among the arguments: it is no flag, and no flag's value. Returns their
/// number if it is nowhere.
std::size_t place_of_id(const arguments& given) {
  for (std::size_t k = 1; k < given.size(); ++k) {
    const std::string_view one{given[k]};
    if (!one.starts_with('-'))
      return k;
    const bool alone = one == "--force" || one == "--payload-before"
                       || (one == "--payload" && std::string_view{given.front()} == "show");
    if (!alone && one.find('=') == one.npos)
      ++k;
  }
  return given.size();
}

/// One call of the command, up to the point where an action begins: what is to be done, to what, and in which store.
class call {
public:
  /// `open` is empty where the queue is given.
  call(std::string program, open_dead_letters open, dead_letter_queue* queue)
      : program_{std::move(program)},
        name_{program_ + " dead-letters"},
        open_{std::move(open)},
        origin_{queue},
        opens_{queue == nullptr} {}

  int run(arguments given) {
    if (given.empty())
      return refused("what is to be done?", name_);
    const std::string_view first{given.front()};
    if (first == "--help" || first == "-h") {
      std::cout << internal::overview_of_actions(name_);
      return exit_codes::ok;
    }
    const auto* const what = internal::action_named(first);
    if (what == nullptr)
      return refused("\"" + std::string{first} + "\": no such action" + near(first), name_);
    full_name_ = name_ + " " + what->name;
    if (const auto mistake = take_id(*what, given); !mistake.empty())
      return refused(mistake, full_name_);
    for (auto& one : given)
      if (std::string_view{one} == "-o")
        one = "--output";
    const auto outcome = read_flags(*what, given);
    if (!outcome) {
      (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
      return outcome.exit_code();
    }
    return act(*what);
  }

private:
  int refused(const std::string& mistake, const std::string& help) const {
    std::cerr << name_ << ": " << mistake << "\nTry '" << help << " --help'.\n";
    return exit_codes::usage;
  }
  int failed(const std::string& why) const {
    std::cerr << full_name_ << ": " << why << '\n';
    return exit_codes::failed;
  }

  static std::string near(std::string_view given) {
    std::vector<std::string> names;
    names.reserve(internal::dead_letter_actions.size());
    for (const auto& one : internal::dead_letter_actions)
      names.emplace_back(one.name);
    return internal::did_you_mean(given, names);
  }

  /// Takes the letter's id out of the arguments, where the action wants one and no help. Returns what is wrong.
  std::string take_id(const internal::dead_letter_action& what, arguments& given) {
    const auto asks_for_help = [](std::string_view one) {
      return one == "--help" || one == "-h" || one == "--version";
    };
    if (!what.takes_id() || std::ranges::any_of(given, asks_for_help))
      return {};
    const auto place = place_of_id(given);
    if (place == given.size())
      return "the letter's id is missing";
    if (!internal::read_text(std::string_view{given[place]}, id_))
      return "expected the id of a letter, found \"" + std::string{given[place]} + "\"";
    given.erase(given.begin() + static_cast<std::ptrdiff_t>(place));
    return {};
  }

  parsed read_flags(const internal::dead_letter_action& what, const arguments& given) {
    configuration config{full_name_, what.summary};
    config.flags_only((what.takes_id() ? "ID " : "") + std::string{"[FLAG]..."});
    declare(config, what, asked_, opens_);
    auto outcome = config.parse(static_cast<int>(given.size()), given.data());
    if (outcome)
      if (const auto mistake = internal::filter_in(asked_, filter_); !mistake.empty())
        outcome = config.refuse(mistake);
    if (outcome && what.changes_many() && filter_ == dead_letter_filter{} && !asked_.all)
      outcome = config.refuse("which ones? --all says all of them");
    if (outcome && opens_ && asked_.path.empty()) {
      const auto variable = option{"dead-letters", &asked_.path, ""}.variable(program_);
      if (const auto value = process_environment(variable); value && !value->empty())
        asked_.path = *value;
      else
        outcome = config.refuse("--dead-letters is required (or " + variable + ")");
    }
    return outcome;
  }

  /// Opens the store for what is to be done, and does it.
  int act(const internal::dead_letter_action& what) {
    std::shared_ptr<dead_letter_queue> opened;
    if (opens_) {
      std::error_code error;
      if (!std::filesystem::exists(asked_.path, error)) // a tool makes no store by looking for one
        return failed("there is no file '" + asked_.path + "'");
      opened = open_(asked_.path);
      origin_ = opened.get();
    }
    const bool looks = what.only_looks() || asked_.dry_run;
    auto own = origin_->for_tool(looks ? tool_use::look : tool_use::work);
    if (!own)
      return failed(own.error().message());
    auto& queue = *own ? **own : *origin_;
    if (auto ready = queue.open(); !ready)
      return failed(ready.error().message());
    const internal::dead_letter_job job{full_name_, std::move(asked_), std::move(filter_), id_,
                                        queue,      *origin_};
    const int code = what.only_looks() ? internal::look(what, job) : internal::change(what, job);
    if (code == exit_codes::ok && !std::cout.flush())
      return job.failed(fatal("can't write to standard output"));
    return code;
  }

  const std::string program_;
  const std::string name_;
  const open_dead_letters open_;
  dead_letter_queue* origin_; // null until it is opened
  const bool opens_;          // the store is a file that is named
  std::string full_name_;     // with the action
  std::uint64_t id_ = 0;
  internal::dead_letter_request asked_;
  dead_letter_filter filter_;
};

arguments behind_program(int argc, const char* const* argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

} // namespace

int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         const open_dead_letters& open) {
  return call{program, open, nullptr}.run(behind_program(argc, argv));
}

int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         dead_letter_queue& queue) {
  return call{program, {}, &queue}.run(behind_program(argc, argv));
}

} // namespace weir
