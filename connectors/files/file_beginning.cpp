#include <weir/connectors/files/file_beginning.hpp>

#include <weir/connectors/files/file_name.hpp>
#include <weir/connectors/files/input.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::files {

namespace {

/// The names that files at one path have had: the first one, and the others with a number behind it.
class names {
public:
  static result<names> of(const lines_options& options) {
    names made;
    if (!options.partition.empty()) {
      made.first_ = options.partition;
      made.beginnings_ = {options.partition};
      return made;
    }
    auto head = file_head::of(options.path);
    if (!head)
      return std::move(head.error());
    const auto path = canonical_path(options.path) + "#";
    made.first_ = path + head->text();
    made.beginnings_ = {path};
    // Earlier versions knew it by the path that was given.
    if (auto given = absolute_path(options.path) + "#"; given != path)
      made.beginnings_.push_back(std::move(given));
    made.head_ = std::move(*head);
    return made;
  }

  const std::vector<std::string>& beginnings() const { return beginnings_; }

  /// Is it one that a file at this path had?
  bool of_path(std::string_view name) const { return !rest_of(name).empty(); }
  /// May it be that of this very file?
  bool may_be(std::string_view name) const {
    const auto rest = rest_of(name);
    return !rest.empty() && (!head_ || head_->was(rest.substr(0, 8)));
  }

  /// One that none of these has of which anything is settled.
  std::string next(const std::vector<partition_point>& known) const {
    const auto taken = [&](const std::string& name) {
      return std::ranges::any_of(known, [&](const partition_point& one) {
        return one.partition == name && last_settled(one) > 0;
      });
    };
    auto name = first_;
    for (std::uint64_t number = 2; taken(name); ++number)
      name = first_ + "-" + std::to_string(number);
    return name;
  }

private:
  /// What tells it from others of this path: eight digits, and a number if it is not the first one; of a partition that
  /// was named by the user, something that is not empty. Empty if the name is none of this path.
  std::string_view rest_of(std::string_view name) const {
    for (const std::string_view beginning : beginnings_) {
      if (!name.starts_with(beginning))
        continue;
      const auto rest = name.substr(beginning.size());
      const auto number = rest.substr(head_ ? std::min<std::size_t>(8, rest.size()) : 0);
      const bool is_number =
          number.empty()
          || (number.size() > 1 && number.front() == '-'
              && number.find_first_not_of("0123456789", 1) == std::string_view::npos);
      if (is_number && (!head_ || rest.size() >= 8))
        return head_ ? rest : name;
    }
    return {};
  }

  std::string first_;
  std::vector<std::string> beginnings_;
  std::optional<file_head> head_; // none: the user has named the partition
};

/// What a file has up to some byte of its content.
struct content {
  content_digest digest;
  bool ends_line = false; // is the last byte the end of a line?
};

/// The content of a file up to each of these bytes, as far as it has so many; and whether it is plain.
struct contents {
  std::map<std::uint64_t, content> up_to;
  file_id file;
  bool plain = false;
};

result<contents> read_contents(const lines_options& options, std::vector<std::uint64_t> bytes) {
  auto opened = input::open(options.path, options.progress);
  if (!opened)
    return std::move(opened.error());
  contents all{.up_to = {}, .file = (*opened)->id()};
  std::ranges::sort(bytes);
  content_digest digest;
  for (auto next = bytes.begin(); next != bytes.end();) {
    auto chunk = (*opened)->read();
    if (!chunk)
      return std::move(chunk.error());
    if (chunk->state != input::state::bytes)
      break;
    for (auto left = chunk->bytes; !left.empty() && next != bytes.end();) {
      const auto part = left.substr(0, *next - digest.bytes());
      left.remove_prefix(part.size());
      digest.add(part);
      if (digest.bytes() == *next)
        all.up_to[*next] = {digest, part.ends_with('\n')};
      while (next != bytes.end() && *next == digest.bytes())
        ++next;
    }
  }
  all.plain = (*opened)->plain();
  return all;
}

void forget_last(partition_point& point) {
  if (point.beyond.empty()) {
    point.position -= std::min<std::uint64_t>(point.position, 1);
  } else if (auto& last = point.beyond.back(); last.first == last.last) {
    point.beyond.pop_back();
  } else {
    --last.last;
  }
}

file_beginning behind(const partition_point& point, const contents& found) {
  const auto& there = found.up_to.at(point.mark.bytes);
  file_beginning made{.where = {.from = point}};
  if (!there.ends_line) {
    made.open = {.number = point.mark.position, .bytes = point.mark.bytes};
    if (last_settled(point) == point.mark.position)
      forget_last(made.where.from);
  } else if (point.position == point.mark.position) {
    made.mark = point.mark;
    if (found.plain)
      made.place = {.file = found.file, .line = point.position, .before = there.digest};
  }
  return made;
}

file_beginning of_earlier_version(const std::string& path, const partition_point& point) {
  file_beginning made{.where = {.from = point}};
  const auto last = last_settled(point);
  forget_last(made.where.from);
  if (last > 0)
    made.where.remark = absolute_path(path) + ": was read up to line " + std::to_string(last)
                        + " by an earlier version, which did not say what it had read: it goes on "
                          "there, and that line is read again";
  return made;
}

} // namespace

result<file_beginning> find_beginning(const lines_options& options, const known_partitions& known) {
  auto called = names::of(options);
  if (!called)
    return std::move(called.error());
  std::vector<partition_point> all;
  for (const auto& beginning : called->beginnings()) {
    auto found = known(beginning);
    if (!found)
      return std::move(found.error()).within(absolute_path(options.path));
    std::ranges::copy_if(*found, std::back_inserter(all), [&](const partition_point& one) {
      return called->of_path(one.partition);
    });
  }
  std::vector<std::uint64_t> bytes;
  const auto may_be = [&](const partition_point& one) { return called->may_be(one.partition); };
  for (const auto& one : all)
    if (may_be(one) && !one.mark.empty())
      bytes.push_back(one.mark.bytes);
  contents found;
  if (!bytes.empty()) {
    auto read = read_contents(options, std::move(bytes));
    if (!read)
      return std::move(read.error());
    found = std::move(*read);
  }
  const partition_point* best = nullptr;
  const partition_point* unmarked = nullptr;
  for (const auto& one : all) {
    if (!may_be(one) || last_settled(one) == 0)
      continue;
    if (one.mark.empty()) {
      if (unmarked == nullptr || last_settled(*unmarked) < last_settled(one))
        unmarked = &one;
    } else if (const auto there = found.up_to.find(one.mark.bytes);
               there != found.up_to.end() && there->second.digest.value() == one.mark.digest
               && (best == nullptr || one.mark.reaches_beyond(best->mark))) {
      best = &one;
    }
  }
  if (best != nullptr)
    return behind(*best, found);
  if (unmarked != nullptr)
    return of_earlier_version(options.path, *unmarked);
  file_beginning made{.where = {.from = {.partition = called->next(all)}}};
  if (std::ranges::any_of(all, [](const auto& one) { return last_settled(one) > 0; }))
    made.where.remark =
        absolute_path(options.path)
        + ": is another file than the one that was read before: it is read from its "
          "beginning";
  else
    made.where.from.position = options.resume_after;
  return made;
}

} // namespace weir::files
