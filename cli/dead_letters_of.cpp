#include <weir/cli/dead_letters_command.hpp>
#include <weir/cli/dead_letters_of.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/spelling.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace weir::internal {

namespace {

constexpr std::string_view pipeline_flag = "--pipeline";

/// Null if its letters are not kept in a file, or not in one that can be read.
dead_letter_queue* queue_of(const pipeline& one) {
  auto* const queue = dynamic_cast<dead_letter_queue*>(one.dead_letters().get());
  return queue != nullptr && queue->outlives_process() ? queue : nullptr;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& one : names)
    text += (text.empty() ? "" : ", ") + one;
  return text;
}

/// Null, with a sentence in `mistake`, if none is meant or several may be.
const pipeline* find(const std::vector<pipeline>& all, const dead_letters_call& call,
                     std::string& mistake) {
  std::vector<std::string> names;
  std::vector<const pipeline*> kept;
  for (const auto& one : all) {
    names.push_back(one.name());
    if (queue_of(one) != nullptr)
      kept.push_back(&one);
  }
  if (!call.chosen() && all.size() == 1)
    return &all.front();
  if (const auto& wanted = call.chosen() ? call.chosen() : call.filter()) {
    for (const auto& one : all)
      if (one.name() == *wanted)
        return &one;
    mistake = "--pipeline: there is no pipeline '" + *wanted + "'" + did_you_mean(*wanted, names)
              + " (pipelines: " + list_of(names) + ")";
    return nullptr;
  }
  if (kept.size() == 1)
    return kept.front();
  if (kept.empty())
    mistake =
        "there is nothing to look at: no pipeline keeps its dead letters in a file that can be "
        "read";
  else
    mistake = "there are several pipelines: --pipeline NAME says which one is meant (pipelines: "
              + list_of(names) + ")";
  return nullptr;
}

} // namespace

dead_letters_call::dead_letters_call(int argc, const char* const* argv) {
  bool before_action = true;
  for (int k = 0; k < argc; ++k) {
    const std::string_view word = argv[k];
    const bool joined =
        word.starts_with(pipeline_flag) && word.substr(pipeline_flag.size()).starts_with("=");
    before_action = before_action && (k == 0 || word.starts_with("-"));
    if (word != pipeline_flag && !joined) {
      arguments_.push_back(argv[k]);
      continue;
    }
    auto& name = before_action ? chosen_ : filter_;
    if (!before_action)
      arguments_.push_back(argv[k]);
    if (joined)
      name = word.substr(pipeline_flag.size() + 1);
    else
      name = k + 1 < argc ? argv[k + 1] : "";
    if (!joined && before_action)
      ++k;
  }
}

int dead_letters_of(const std::string& program, const std::vector<pipeline>& all,
                    const dead_letters_call& call) {
  std::string mistake;
  const auto* const one = find(all, call, mistake);
  if (one == nullptr) {
    std::cerr << program << ": " << mistake << '\n';
    return exit_codes::usage;
  }
  if (auto* const queue = queue_of(*one))
    return dead_letters_command(static_cast<int>(call.arguments().size()), call.arguments().data(),
                                program, *queue);
  std::cerr << one->name()
            << ": there is nothing to look at: dead letters are not kept in a file, or not in "
               "one that can be read\n";
  return exit_codes::usage;
}

} // namespace weir::internal
