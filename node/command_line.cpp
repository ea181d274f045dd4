#include <weir/node/command_line.hpp>
#include <weir/node/option_text.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/terminal.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace weir::internal {

namespace {

constexpr std::size_t flag_columns_max = 60; // of an unknown flag in a message

/// Says of each argument that is left over what is wrong with it.
void refuse_unknown(const std::vector<std::string>& rest, const std::vector<std::string>& names,
                    std::vector<std::string>& problems) {
  bool after_unknown = false; // what follows an unknown flag may be its value
  for (const auto& extra : rest) {
    const bool is_flag = extra.size() > 1 && extra.front() == '-';
    const auto name = extra.substr(0, extra.find('='));
    if (is_flag)
      problems.push_back(fitted(name, flag_columns_max) + ": unknown flag"
                         + did_you_mean(name, names));
    else if (!after_unknown)
      problems.push_back(found_text(extra, false) + ": unexpected argument");
    after_unknown = is_flag;
  }
}

} // namespace

command_line::command_line(int argc, const char* const* argv,
                           const std::vector<const option*>& options,
                           std::vector<std::string>& problems,
                           const std::vector<std::string>& actions) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras(); // so that we can say what was probably meant
  const auto* help = app.add_flag("-h,--help");
  const auto* version = app.add_flag("--version");
  std::vector<std::pair<std::string, const CLI::Option*>> known;
  const auto declare_flag = [&](const option& one) {
    const auto flag = one.flag();
    // A value is optional to CLI11, or it would take the next flag for one.
    known.emplace_back(flag, one.kind() == option_kind::boolean
                                 ? app.add_flag(flag + ",!--no-" + flag.substr(2))
                                 : app.add_option(flag)->expected(0, 1)->multi_option_policy(
                                     CLI::MultiOptionPolicy::TakeAll));
  };
  for (const auto* one : options)
    declare_flag(*one);
  std::vector<const CLI::Option*> known_actions;
  for (const auto& flag : actions)
    known_actions.push_back(app.add_flag(flag));

  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::reverse(arguments.begin(), arguments.end()); // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Error& refused) {
    problems.emplace_back(refused.what());
  }
  help_ = help->count() > 0;
  version_ = version->count() > 0;
  std::vector<std::string> names{"--help", "--version"};
  for (const auto& [flag, given] : known) {
    names.push_back(flag);
    if (given->count() > 0)
      values_[flag] = given->results();
  }
  for (std::size_t k = 0; k < actions.size(); ++k) {
    names.push_back(actions[k]);
    if (known_actions[k]->count() == 0)
      continue;
    actions_.push_back(actions[k]);
    if (known_actions[k]->results().front() != "true")
      problems.push_back(actions[k] + ": takes no value");
  }
  refuse_unknown(app.remaining(), names, problems);
}

void command_line::read(option& target, std::vector<std::string>& problems) const {
  const auto given = values_.find(target.flag());
  if (given == values_.end())
    return;
  const auto& texts = given->second;
  const auto missing = std::find(texts.begin(), texts.end(), std::string{});
  if (missing != texts.end())
    problems.push_back(mismatch(target, target.flag(), *missing));
  else if (texts.size() > 1 && target.kind() != option_kind::list)
    problems.push_back(target.flag() + ": given " + std::to_string(texts.size()) + " times");
  else if (!target.assign(texts, option_origin::flag))
    problems.push_back(mismatch(target, target.flag(), texts.front()));
}

} // namespace weir::internal
