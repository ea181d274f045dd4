#include <weir/cli/dead_letter_json.hpp>
#include <weir/cli/dead_letter_looks.hpp>
#include <weir/cli/dead_letter_text.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/node/exit_codes.hpp>

#include <iostream>
#include <optional>
#include <utility>

namespace weir::internal {

namespace {

/// Writes a letter as a line of JSON.
result<void> print(const dead_letter& one) {
  if (std::cout << to_json(one) << '\n')
    return {};
  return fatal("can't write to standard output");
}

/// Shows every line of the audit, page by page.
template <class Show>
result<void> for_each_line(const dead_letter_job& job, Show show) {
  constexpr std::size_t lines_at_once = 100;
  for (std::uint64_t after = 0;;) {
    auto lines = job.queue.audit(after, lines_at_once);
    if (!lines)
      return std::move(lines.error());
    if (lines->empty())
      return {};
    after = lines->back().number;
    for (auto& one : *lines)
      show(one);
  }
}

int list(const dead_letter_job& job) {
  constexpr std::uint64_t lines_max = 100; // unless told
  auto filter = job.filter;
  if (!job.asked.as_json() && filter.limit == 0)
    filter.limit = lines_max;
  if (job.asked.as_json()) {
    const auto done = for_each_letter(job.queue, filter, print);
    return done ? exit_codes::ok : job.failed(done.error());
  }
  std::vector<dead_letter> page; // without the payloads, which the table doesn't show
  const auto done = for_each_letter(job.queue, filter, [&page](const dead_letter& one) {
    page.push_back(one);
    page.back().payload.clear();
    page.back().payload.shrink_to_fit();
    return result<void>{};
  });
  if (!done)
    return job.failed(done.error());
  if (page.empty()) {
    std::cout << "no dead letters\n";
    return exit_codes::ok;
  }
  std::cout << to_table(page, output_columns(), terminal_charset());
  if (page.size() < filter.limit)
    return exit_codes::ok;
  filter.limit = 0;
  auto causes = job.queue.histogram(filter);
  if (!causes)
    return job.failed(causes.error());
  if (const auto all = sum(*causes); all > page.size())
    std::cout << page.size() << " of " << human_count(all) << " letters; --limit shows more\n";
  return exit_codes::ok;
}

int show_payload_before(const dead_letter_job& job) {
  std::optional<std::string> before;
  const auto about = ids_text({&job.id, 1});
  auto done = for_each_line(job, [&](dead_letter_audit& line) {
    if (line.payload_before && line.about == about)
      before = std::move(line.payload_before);
  });
  if (!done)
    return job.failed(done.error());
  if (!before)
    return job.failed(poison("there is no payload that an edit of letter " + std::to_string(job.id)
                             + " replaced"));
  std::cout << *before;
  return exit_codes::ok;
}

int show(const dead_letter_job& job) {
  if (job.asked.only_payload_before)
    return show_payload_before(job);
  auto found = job.queue.select({.ids = {job.id}}, 1);
  if (!found)
    return job.failed(found.error());
  if (found->empty())
    return job.failed(no_letter(job.id));
  if (job.asked.only_payload) {
    std::cout << found->front().payload;
    return exit_codes::ok;
  }
  std::cout << (job.asked.as_json() ? to_json(found->front()) + "\n"
                                    : to_page(found->front(), terminal_charset()));
  return exit_codes::ok;
}

int histogram(const dead_letter_job& job) {
  auto causes = job.queue.histogram(job.filter);
  if (!causes)
    return job.failed(causes.error());
  job.print_causes(*causes);
  return exit_codes::ok;
}

/// Notes in the audit that letters were exported. Who looks can't write, so that takes another object.
result<void> note_export(const dead_letter_job& job, std::uint64_t letters) {
  auto own = job.origin.for_tool(tool_use::work);
  if (!own)
    return std::move(own.error());
  auto& to = *own ? **own : job.queue;
  return to.note({.number = 0,
                  .at = job.by.at,
                  .who = job.by.who,
                  .what = "export",
                  .about = job.filter.text(),
                  .outcome = letters_text(letters) + " written"});
}

int write_all(const dead_letter_job& job) {
  auto done = for_each_letter(job.queue, job.filter, print);
  if (!done)
    return job.failed(done.error());
  if (!std::cout.flush())
    return job.failed(fatal("can't write to standard output"));
  if (auto noted = note_export(job, *done); !noted) // who may only read may export
    std::cerr << job.name
              << ": note that the audit has no line of this: " << noted.error().message() << '\n';
  return exit_codes::ok;
}

int audit(const dead_letter_job& job) {
  const auto done = for_each_line(job, [&job](const dead_letter_audit& one) {
    std::cout << (job.asked.as_json() ? to_json(one) + "\n"
                                      : to_line(one, output_columns(), terminal_charset()));
  });
  return done ? exit_codes::ok : job.failed(done.error());
}

} // namespace

int look(const dead_letter_action& what, const dead_letter_job& job) {
  require(what.only_looks(), "look: the action must be one that leaves the letters as they are");
  return what.is("list")        ? list(job)
         : what.is("show")      ? show(job)
         : what.is("histogram") ? histogram(job)
         : what.is("export")    ? write_all(job)
                                : audit(job);
}

} // namespace weir::internal
