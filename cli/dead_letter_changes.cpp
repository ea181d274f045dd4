#include <weir/cli/dead_letter_changes.hpp>
#include <weir/cli/dead_letter_json.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/node/exit_codes.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <system_error>
#include <utility>

namespace weir::internal {

namespace {

/// Reads the new payload from its file.
result<std::string> new_payload(const dead_letter_request& asked) {
  std::ifstream file;
  if (asked.payload != "-") {
    std::error_code error;
    if (std::filesystem::is_directory(asked.payload, error))
      return fatal("'" + asked.payload + "' is a folder");
    file.open(asked.payload, std::ios::binary);
    if (!file)
      return fatal("can't read '" + asked.payload + "'");
  }
  auto& from = asked.payload == "-" ? std::cin : file;
  std::string payload{std::istreambuf_iterator<char>{from}, {}};
  if (from.bad())
    return fatal("can't read '" + asked.payload + "'");
  if (payload.empty() && !asked.force)
    return poison("the new payload is empty; if it is to be, --force");
  return payload;
}

int edit(const dead_letter_job& job) {
  auto payload = new_payload(job.asked);
  if (!payload)
    return job.failed(payload.error());
  auto before = job.queue.select({.ids = {job.id}}, 1);
  if (!before)
    return job.failed(before.error());
  const bool line_end_added =
      !before->empty() && payload->ends_with('\n') && !before->front().payload.ends_with('\n');
  const auto size = payload->size();
  if (auto done = job.queue.edit(job.id, std::move(*payload), job.by); !done)
    return job.failed(done.error());
  std::cout << "the payload of letter " << job.id << " is now " << size << " bytes\n";
  if (line_end_added)
    std::cerr
        << job.name
        << ": note that it ends with a line end now, which it did not before; editors add one\n";
  return exit_codes::ok;
}

int replay(const dead_letter_job& job) {
  const replay_terms terms{.replays_max = job.asked.replays_max,
                           .forced = job.asked.force,
                           .dry_run = job.asked.dry_run};
  auto causes = job.queue.histogram(job.filter);
  if (!causes)
    return job.failed(causes.error());
  auto answer = job.queue.request_replay(job.filter, terms, job.by);
  if (!answer)
    return job.failed(answer.error());
  if (job.asked.as_json()) {
    std::cout << "{\"requested\":" << answer->requested << ",\"under_way\":" << answer->under_way
              << ",\"too_often\":" << answer->too_often
              << ",\"dry_run\":" << (terms.dry_run ? "true" : "false")
              << ",\"causes\":" << to_json(*causes) << "}\n";
    return exit_codes::ok;
  }
  if (terms.dry_run)
    job.print_causes(*causes);
  std::cout << (terms.dry_run ? "would be: " : "") << to_string(*answer);
  if (answer->requested > 0 && !terms.dry_run)
    std::cout << "; a running pipeline takes them up when it looks next (replay.look_every, 5 s "
                 "by default), else the next one does";
  std::cout << '\n';
  return exit_codes::ok;
}

result<std::uint64_t> being_replayed(const dead_letter_job& job) {
  auto filter = job.filter;
  filter.state = dead_letter_state::replaying;
  if (job.filter.state.value_or(*filter.state) != *filter.state)
    return std::uint64_t{0};
  auto causes = job.queue.histogram(filter);
  if (!causes)
    return std::move(causes.error());
  return sum(*causes);
}

/// Says how many letters it was done to, and to how many it could not be done, as they are being replayed.
int say(const dead_letter_job& job, const result<std::uint64_t>& letters, const std::string& name,
        const char* became, const char* others) {
  if (!letters)
    return job.failed(letters.error());
  auto left = being_replayed(job);
  if (!left)
    return job.failed(left.error());
  std::cout << (job.asked.as_json() ? "{\"" + name + "\":" + std::to_string(*letters)
                                          + ",\"being_replayed\":" + std::to_string(*left) + "}"
                                    : letters_text(*letters) + ' ' + became);
  if (*left > 0 && !job.asked.as_json())
    std::cout << ", " << *left << ' ' << others;
  std::cout << '\n';
  return exit_codes::ok;
}

/// What a purge would do.
struct purge_preview {
  std::vector<dead_letter_count> causes; ///< of what is not being replayed, most frequent first
  std::uint64_t stay = 0;                ///< letters that are being replayed
};

result<purge_preview> preview_of(const dead_letter_job& job) {
  purge_preview preview;
  for (const auto state : dead_letter_states) {
    if (job.filter.state && *job.filter.state != state)
      continue;
    auto filter = job.filter;
    filter.state = state;
    auto some = job.queue.histogram(filter);
    if (!some)
      return std::move(some.error());
    if (state == dead_letter_state::replaying) {
      preview.stay = sum(*some);
      continue;
    }
    for (auto& one : *some) {
      const auto same = std::ranges::find_if(preview.causes, [&](const auto& other) {
        return other.stage == one.stage && other.cause == one.cause;
      });
      if (same == preview.causes.end())
        preview.causes.push_back(std::move(one));
      else
        same->count += one.count;
    }
  }
  std::ranges::stable_sort(preview.causes, std::greater{}, &dead_letter_count::count);
  return preview;
}

/// Says what a purge would remove: all that is not being replayed, as far as the limit goes.
int would_be_removed(const dead_letter_job& job) {
  auto preview = preview_of(job);
  if (!preview)
    return job.failed(preview.error());
  const auto& [causes, stay] = *preview;
  const auto all = sum(causes);
  const auto most = job.filter.limit > 0 ? std::min(job.filter.limit, all) : all;
  if (job.asked.as_json()) {
    std::cout << "{\"would_be_removed\":" << most << ",\"being_replayed\":" << stay
              << ",\"causes\":" << to_json(causes) << "}\n";
    return exit_codes::ok;
  }
  if (!causes.empty())
    job.print_causes(causes);
  std::cout << "would be: " << letters_text(most) << " removed";
  if (stay > 0)
    std::cout << ", " << stay << " being replayed and left";
  std::cout << '\n';
  return exit_codes::ok;
}

int cancel(const dead_letter_job& job) {
  return say(job, job.queue.cancel_replay(job.filter, job.by), "kept",
             "not to be replayed any more", "being replayed already");
}

int purge(const dead_letter_job& job) {
  if (job.asked.dry_run)
    return would_be_removed(job);
  return say(job, job.queue.purge(job.filter, job.by), "removed", "removed",
             "being replayed and left");
}

} // namespace

int change(const dead_letter_action& what, const dead_letter_job& job) {
  require(!what.only_looks(), "change: the action must be one that changes letters");
  return what.is("edit")     ? edit(job)
         : what.is("replay") ? replay(job)
         : what.is("cancel") ? cancel(job)
                             : purge(job);
}

} // namespace weir::internal
