#include <weir/node/configuration.hpp>
#include <weir/node/configuration_file.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/terminal.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

namespace weir {

namespace {

constexpr std::size_t help_columns = 100;
constexpr std::size_t help_indent = 28;
constexpr std::size_t shown_max = 60; // columns of a value in a message

/// What was found in a flag or a variable, for a message.
std::string found(const std::string& text, bool secret) {
  if (text.empty())
    return "nothing";
  return secret ? "something else (not shown)" : "\"" + fitted(text, shown_max) + "\"";
}

std::string mismatch(const option& target, const std::string& where, const std::string& text) {
  return where + ": expected " + target.expected() + ", found " + found(text, target.is_secret())
         + (target.is_secret() ? "" : target.hint(text));
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> made;
  std::size_t begin = 0;
  for (auto comma = text.find(','); comma != std::string::npos; comma = text.find(',', begin)) {
    made.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  made.push_back(text.substr(begin));
  return made;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string made;
  for (const auto& one : texts)
    made += (made.empty() ? "" : ",") + one;
  return made;
}

bool is_on(const option& one) { return one.value() == std::vector<std::string>{"true"}; }

/// "--input FILE"; a switch that is on is shown with what switches it off.
std::string help_name(const option& one) {
  if (one.kind() == option_kind::boolean)
    return is_on(one) ? "--no-" + one.flag().substr(2) : one.flag();
  return one.flag() + " " + one.value_name();
}

std::string help_text(const option& one, const std::string& program, bool with_variable) {
  std::string text = one.text() + " [";
  if (!one.limits().empty())
    text += one.limits() + "; ";
  const auto value = one.value();
  if (one.is_required())
    text += "required; ";
  else if (value && !value->empty() && !value->front().empty())
    text += "default: " + (one.is_secret() ? "not shown" : joined(*value)) + "; ";
  if (one.kind() == option_kind::list)
    text += "may be repeated; ";
  if (with_variable)
    return text + one.variable(program) + "]";
  text.resize(text.size() - 2); // "; " or " ["
  return text.size() > one.text().size() ? text + "]" : text;
}

std::string help_entry(const std::string& name, const std::string& text) {
  const auto blank = std::string(help_indent, ' ');
  auto line = padded_right("  " + name, help_indent);
  std::string made;
  if (columns_of("  " + name) + 2 > help_indent)
    made = std::exchange(line, blank) + "\n";
  for (const auto& words : wrapped(text, help_columns - help_indent))
    made += std::exchange(line, blank) + words + "\n";
  return made;
}

} // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

/// What the command line says, before any value is looked at.
struct configuration::flags {
  bool help = false;
  bool version = false;
  std::map<std::string, std::vector<std::string>> values; // by flag; empty text if it has no value

  /// Stores the flag's value in the option, if it was given.
  void read(weir::option& target, std::vector<std::string>& problems) const {
    const auto given = values.find(target.flag());
    if (given == values.end())
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
};

configuration::configuration(std::string program, std::string summary, std::string version)
    : program_{std::move(program)},
      summary_{std::move(summary)},
      version_{std::move(version)},
      file_option_{"config", &file_, "A JSON file with values for these options."} {
  file_option_.value_name("FILE");
}

weir::option& configuration::declare(weir::option declared) {
  const auto flag = declared.flag();
  const auto inside = [](const std::string& a, const std::string& b) {
    return a.starts_with(b + "/");
  };
  bool unique = flag != "--help" && flag != "--version" && flag != file_option_.flag();
  for (const auto& one : options_)
    unique = unique && one.flag() != flag && !inside(one.pointer(), declared.pointer())
             && !inside(declared.pointer(), one.pointer());
  if (!unique) {
    std::fprintf(stderr,
                 "weir: option '%s': another one has this name, as an option or as a group\n",
                 declared.name().c_str());
    std::abort();
  }
  return options_.emplace_back(std::move(declared));
}

configuration::flags configuration::read_flags(int argc, const char* const* argv,
                                               std::vector<std::string>& problems) const {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras(); // so that we can say what was probably meant
  const auto* help = app.add_flag("-h,--help");
  const auto* version = app.add_flag("--version");
  std::vector<std::pair<std::string, const CLI::Option*>> known;
  const auto declare_flag = [&](const weir::option& one) {
    const auto flag = one.flag();
    // A value is optional to CLI11, or it would take the next flag for one.
    known.emplace_back(flag, one.kind() == option_kind::boolean
                                 ? app.add_flag(flag + ",!--no-" + flag.substr(2))
                                 : app.add_option(flag)->expected(0, 1)->multi_option_policy(
                                     CLI::MultiOptionPolicy::TakeAll));
  };
  if (!flags_only_)
    declare_flag(file_option_);
  std::for_each(options_.begin(), options_.end(), declare_flag);

  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::reverse(arguments.begin(), arguments.end()); // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Error& refused) {
    problems.emplace_back(refused.what());
  }
  flags given{.help = help->count() > 0, .version = version->count() > 0, .values = {}};
  std::vector<std::string> names{"--help", "--version"};
  for (const auto& [flag, option] : known) {
    names.push_back(flag);
    if (option->count() > 0)
      given.values[flag] = option->results();
  }
  bool after_unknown = false; // what follows an unknown flag may be its value
  for (const auto& extra : app.remaining()) {
    const bool is_flag = extra.size() > 1 && extra.front() == '-';
    const auto name = extra.substr(0, extra.find('='));
    if (is_flag)
      problems.push_back(fitted(name, shown_max) + ": unknown flag" + did_you_mean(name, names));
    else if (!after_unknown)
      problems.push_back(found(extra, false) + ": unexpected argument");
    after_unknown = is_flag;
  }
  return given;
}

void configuration::read_variable(weir::option& target, const environment& variables,
                                  std::vector<std::string>& problems) const {
  const auto name = target.variable(program_);
  const auto text = variables(name);
  if (!text || text->empty())
    return;
  const auto texts =
      target.kind() == option_kind::list ? split_at_commas(*text) : std::vector{*text};
  if (!target.assign(texts, option_origin::environment))
    problems.push_back(mismatch(target, name, *text));
}

parsed configuration::parse(int argc, const char* const* argv, const environment& variables) {
  std::vector<std::string> problems;
  const auto given = read_flags(argc, argv, problems);
  if (given.help)
    return {parsed::step::stop, help()};
  if (given.version)
    return {parsed::step::stop, program_ + " " + version_ + "\n"};

  if (!flags_only_) {
    read_variable(file_option_, variables, problems);
    given.read(file_option_, problems);
  }
  if (file_)
    read_configuration_file(*file_, options_, problems);
  for (auto& one : options_) {
    if (!flags_only_)
      read_variable(one, variables, problems);
    given.read(one, problems);
  }
  if (problems.empty()) // else what is missing may be what was misspelt
    for (const auto& one : options_)
      if (one.is_required() && one.origin() == option_origin::by_default)
        problems.push_back(one.flag() + " is required"
                           + (flags_only_ ? ""
                                          : " (or " + one.variable(program_) + ", or "
                                                + one.pointer() + " in the configuration file)"));
  return problems.empty() ? parsed{} : refuse(problems);
}

parsed configuration::refuse(const std::vector<std::string>& mistakes) const {
  std::string text;
  for (const auto& one : mistakes)
    text += program_ + ": " + one + "\n";
  return {parsed::step::refused, text + "Try '" + program_ + " --help'.\n"};
}

void configuration::flags_only(std::string usage) {
  flags_only_ = true;
  usage_ = std::move(usage);
}

std::string configuration::help() const {
  auto text = summary_ + "\n\nUsage: " + program_ + " " + usage_ + "\n\n";
  for (const auto& one : options_)
    text += help_entry(help_name(one), help_text(one, program_, !flags_only_));
  if (!flags_only_)
    text += help_entry(help_name(file_option_), help_text(file_option_, program_, true));
  text += help_entry("--help", "Shows this text.");
  text += help_entry("--version", "Shows the version.");
  if (flags_only_)
    return text;
  return text
         + "\nA flag wins over its variable (in brackets), that over the file, that over the "
           "default.\n";
}

std::string configuration::dump() const {
  using json = nlohmann::ordered_json;
  auto shown = json::object();
  for (const auto& one : options_) {
    const auto value = one.value();
    json written; // null: an optional value that isn't there
    if (value && one.is_secret())
      written = "(not shown)";
    else if (value && one.kind() == option_kind::list)
      written = *value;
    else if (value && (one.kind() == option_kind::text || one.kind() == option_kind::duration))
      written = value->front();
    else if (value)
      written = json::parse(value->front(), nullptr, false); // a number, true or false
    shown[json::json_pointer{one.pointer()}] = {{"value", written},
                                                {"from", to_string(one.origin())}};
  }
  return shown.dump(2, ' ', false, json::error_handler_t::replace);
}

} // namespace weir
