#include <weir/node/command_line.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/configuration_file.hpp>
#include <weir/node/option_text.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

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

[[noreturn]] void abort_over(const std::string& name) {
  std::fprintf(stderr, "weir: option '%s': another one has this name, as an option or as a group\n",
               name.c_str());
  std::abort();
}

} // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

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
  for (const auto& one : actions_)
    unique = unique && flag != "--" + one.name;
  if (!unique)
    abort_over(declared.name());
  return options_.emplace_back(std::move(declared));
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
    problems.push_back(internal::mismatch(target, name, *text));
}

parsed configuration::parse(int argc, const char* const* argv, const environment& variables) {
  std::vector<std::string> problems;
  std::vector<const weir::option*> known;
  if (!flags_only_)
    known.push_back(&file_option_);
  for (const auto& one : options_)
    known.push_back(&one);
  std::vector<std::string> actions;
  for (const auto& one : actions_)
    actions.push_back("--" + one.name);
  const internal::command_line given{argc, argv, known, problems, actions};
  asked_for_ = given.actions();
  if (given.help())
    return {parsed::step::stop, help()};
  if (given.version())
    return {parsed::step::stop,
            program_ + " " + version_ + (runs_on_.empty() ? "" : " (" + runs_on_ + ")") + "\n"};

  if (!flags_only_) {
    read_variable(file_option_, variables, problems);
    given.read(file_option_, problems);
  }
  if (file_)
    internal::read_configuration_file(*file_, options_, problems);
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
  if (problems.empty()) // else the values may not be those that were meant
    for (const auto& mistake : checks_)
      if (auto text = mistake(); !text.empty())
        problems.push_back(std::move(text));
  return problems.empty() ? parsed{} : refuse(problems);
}

void configuration::action(std::string name, std::string text) {
  for (const auto& one : options_)
    if (one.flag() == "--" + name)
      abort_over(name);
  actions_.push_back({std::move(name), std::move(text)});
}

bool configuration::asked_for(std::string_view action) const {
  return std::ranges::any_of(asked_for_, [&](const auto& one) { return one.substr(2) == action; });
}

void configuration::command(std::string usage, std::string text) {
  commands_.push_back({std::move(usage), std::move(text)});
}

std::optional<int> configuration::find_command(int argc, const char* const* argv,
                                               std::string_view name) const {
  const auto takes_value = [this](std::string_view flag) {
    return flag == file_option_.flag() || std::ranges::any_of(options_, [&](const auto& one) {
             return one.flag() == flag && one.kind() != option_kind::boolean;
           });
  };
  for (int k = 1; k < argc; ++k) {
    const std::string_view word = argv[k];
    if (!word.starts_with("-"))
      return word == name ? std::optional{k} : std::nullopt;
    if (takes_value(word))
      ++k;
  }
  return std::nullopt;
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
  auto text = summary_ + "\n\nUsage: " + program_ + " " + usage_ + "\n";
  for (const auto& one : commands_)
    text += "       " + program_ + " " + one.name + "\n         " + one.text + "\n";
  text += "\n";
  for (const auto& one : options_)
    text += internal::help_entry(one, program_, !flags_only_);
  if (!flags_only_)
    text += internal::help_entry(file_option_, program_, true);
  for (const auto& one : actions_)
    text += internal::help_entry("--" + one.name, one.text);
  text += internal::help_entry("--help", "Shows this text.");
  text += internal::help_entry("--version", "Shows the version.");
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
