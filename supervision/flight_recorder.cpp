#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/supervision/heritage.hpp>
#include <weir/supervision/open_file.hpp>
#include <weir/supervision/replaced_file.hpp>
#include <weir/supervision/section_names.hpp>
#include <weir/supervision/system_failure.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <string_view>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::internal {

using namespace flight_file;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free
                  && std::atomic<std::uint32_t>::is_always_lock_free,
              "what is shared through a file must not need a lock in this process");

namespace {

/// The front of a new life's file: who it is, and what the lives before it left.
std::unique_ptr<front> first_front(const std::string& program, std::int64_t now,
                                   const heritage& kept) {
  auto next = std::make_unique<front>();
  next->who.magic = magic;
  next->who.version = version;
  next->who.pid = ::getpid();
  next->who.begun_at = now;
  put_text(next->who.program, program);
  next->who.deaths = static_cast<std::uint32_t>(kept.last.deaths.size());
  for (std::uint32_t k = 0; k < next->who.deaths; ++k) {
    const auto& one = kept.last.deaths[k];
    next->deaths[k].at = milliseconds(one.at);
    next->deaths[k].pid = one.pid;
    next->deaths[k].status = one.status.value_or(suspect::unknown_status);
    put_text(next->deaths[k].in_hand, one.in_hand);
  }
  next->cause_status = suspect::unknown_status;
  next->running.store(1);
  put_suspects(*next, kept.suspects);
  return next;
}

/// What the last life left, if the file is any good; else a remark why not.
heritage inherit(std::string_view bytes, const front* old, const verdict& judged,
                 std::int64_t now) {
  if (judged.why.empty())
    return read_heritage(bytes, *old, now);
  heritage none;
  if (!bytes.empty())
    none.last.remarks.push_back("the flight recorder is begun anew: " + judged.why);
  return none;
}

std::string cant_keep(const std::string& what, const std::string& path) {
  return "can't keep " + what + " in '" + path + "'";
}

/// Zeros, whatever was there.
template <class Entry>
Entry* begin_entries(void* at, std::uint64_t count) {
  auto* first = static_cast<std::byte*>(at);
  for (std::uint64_t k = 0; k < count; ++k)
    ::new (static_cast<void*>(first + k * sizeof(Entry))) Entry{};
  return std::launder(reinterpret_cast<Entry*>(first));
}

} // namespace

result<std::unique_ptr<flight_recorder>> flight_recorder::open(const std::string& path,
                                                               const std::string& named) {
  const std::string program = named.substr(0, std::tuple_size_v<decltype(identity::program)> - 1);
  auto locked = open_locked(path);
  if (!locked)
    return std::move(locked.error());
  const open_file last{*locked};
  struct stat there {};
  ::fstat(last.get(), &there);
  const auto size = static_cast<std::uint64_t>(there.st_size);
  const auto bytes = size <= file_max ? read_all(last.get(), size) : read_all(last.get(), page);
  const auto now = milliseconds(std::chrono::system_clock::now());

  const auto old = front_in(bytes);
  const auto judged = judge(bytes, old.get(), program);
  if (judged.foreign)
    return fatal("'" + path + "' holds something else: " + judged.why);
  auto kept = inherit(bytes, old.get(), judged, now);
  const auto next = first_front(program, now, kept);
  const auto beside = path + ".new";
  auto written = write_beside(beside, bytes_of(*next), front_size);
  if (!written)
    return std::move(written.error());
  open_file made{*written};
  auto* at = ::mmap(nullptr, front_size, PROT_READ | PROT_WRITE, MAP_SHARED, made.get(), 0);
  if (at == MAP_FAILED)
    return system_failure("can't map '" + beside + "'");
  std::unique_ptr<flight_recorder> recorder{new flight_recorder};
  recorder->front_ = {at, front_size};
  if (auto replaced = replace_file(path, beside); !replaced)
    return std::move(replaced.error());
  recorder->file_ = made.keep();
  recorder->end_ = front_size;
  recorder->path_ = path;
  recorder->last_life_ = std::move(kept.last);
  recorder->suspects_.set(std::move(kept.suspects));
  return recorder;
}

flight_recorder::~flight_recorder() {
  for (const auto& one : sections_)
    ::munmap(one.at, one.size);
  if (front_.at != nullptr)
    ::munmap(front_.at, front_.size);
  if (file_ >= 0)
    ::close(file_);
}

result<std::span<flight_slot>> flight_recorder::add(const std::string& pipeline,
                                                    std::span<const stage_hands> stages,
                                                    std::span<const std::string> partitions) {
  std::uint64_t slots = 0;
  for (const auto& one : stages)
    slots += one.slots;
  auto all_names = bytes_of_names(pipeline, stages, partitions);
  const std::lock_guard guard{lock_};
  if (const auto before = std::ranges::find_if(
          pipelines_, [&](const auto& one) { return !one.in_use && one.all_names == all_names; });
      before != pipelines_.end()) {
    before->in_use = true;
    std::rotate(before, before + 1, pipelines_.end()); // it is the last of its name now
    return pipelines_.back().slots;
  }
  const auto at = end_;
  section head{};
  head.kind = section_kind::slots;
  auto made = append(head, slots, all_names);
  if (!made)
    return std::move(made.error()).within(cant_keep("pipeline '" + pipeline + "'", path_));
  pipelines_.push_back({.name = pipeline,
                        .all_names = std::move(all_names),
                        .at = at,
                        .slots = {begin_entries<flight_slot>(*made, slots), slots},
                        .names = {}});
  return pipelines_.back().slots;
}

void flight_recorder::give_back(std::span<flight_slot> slots) {
  const std::lock_guard guard{lock_};
  const auto of = std::ranges::find_if(
      pipelines_, [&](const auto& one) { return one.in_use && one.slots.data() == slots.data(); });
  require(of != pipelines_.end(), "flight_recorder: what is given back was added before, once");
  for (auto& one : of->slots) {
    one.empty();
    one.failed(0, 0);
  }
  for (auto* const names : of->names) // the indices have the names that they begin with
    if (names != nullptr)
      std::fill_n(names, names_in_section, flight_name{});
  of->in_use = false;
}

result<void> flight_recorder::name_partition(const std::string& pipeline, std::uint32_t index,
                                             const std::string& name) {
  require(index < origin::partitions_max, "flight_recorder: no origin has such a partition");
  const std::lock_guard guard{lock_};
  const auto of =
      std::ranges::find(pipelines_.rbegin(), pipelines_.rend(), pipeline, &added_pipeline::name);
  require(of != pipelines_.rend(), "flight_recorder: a pipeline is added before it names more");
  const auto which = index / names_in_section;
  if (of->names.size() <= which)
    of->names.resize(which + 1);
  auto*& names = of->names[which];
  if (names == nullptr) {
    auto made = append_names(*of, which * names_in_section);
    if (!made)
      return std::move(made.error())
          .within(cant_keep("the name of partition '" + name + "'", path_));
    names = *made;
  }
  names[index % names_in_section] = flight_name::of(index, flight_key(pipeline, name), name);
  return {};
}

/// Makes a section for names from this index on. Requires lock_.
result<flight_name*> flight_recorder::append_names(const added_pipeline& of, std::uint32_t first) {
  section head{};
  head.kind = section_kind::names;
  head.first = first;
  head.pipeline = of.at;
  auto made = append(head, names_in_section, {});
  if (!made)
    return std::move(made.error());
  return begin_entries<flight_name>(*made, names_in_section);
}

/// Makes a section behind all others, and says where its entries are to begin. Requires lock_.
result<void*> flight_recorder::append(section head, std::uint64_t entries, std::string_view names) {
  const bool of_slots = head.kind == section_kind::slots;
  const auto each = of_slots ? sizeof(flight_slot) : sizeof(flight_name);
  head.entries_offset = round_up(sizeof(section) + names.size(), alignof(flight_slot));
  head.size = round_up(head.entries_offset + entries * each, page);
  if (end_ + head.size > file_max)
    return fatal("there is no room for " + std::to_string(entries)
                 + (of_slots ? " things that can have an item in hand" : " names of partitions"));
  head.names_size = static_cast<std::uint32_t>(names.size());
  head.entries = static_cast<std::uint32_t>(entries);
  head.checksum = checksum_of(head, names);
  if (const int error =
          ::posix_fallocate(file_, static_cast<off_t>(end_), static_cast<off_t>(head.size));
      error != 0)
    return fatal(std::strerror(error));
  if (!write_all(file_, std::string{bytes_of(head)}.append(names), end_))
    return system_failure("can't write");
  auto* at = ::mmap(nullptr, head.size, PROT_READ | PROT_WRITE, MAP_SHARED, file_,
                    static_cast<off_t>(end_));
  if (at == MAP_FAILED)
    return system_failure("can't map it");
  sections_.push_back({at, head.size});
  end_ += head.size;
  return static_cast<std::byte*>(at) + head.entries_offset;
}

void flight_recorder::recovered() noexcept { static_cast<front*>(front_.at)->recovered.store(1); }

void flight_recorder::end_with(bool stored) noexcept {
  auto& mine = *static_cast<front*>(front_.at);
  try {
    if (const auto left = suspects_.left(stored);
        left.size() != mine.who.suspects
        || !std::ranges::equal(left, std::span{mine.suspects}.first(left.size())))
      if (keep(left))
        return;
  } catch (...) { // then more is remembered than need be
  }
  mine.running.store(0);
}

/// Leaves a file that says how this process ended, and of whom the next one has to know.
result<void> flight_recorder::keep(const std::vector<suspect>& left) {
  auto last = front_in(bytes_of(*static_cast<const front*>(front_.at)));
  last->running.store(0);
  put_suspects(*last, left);
  const auto beside = path_ + ".new";
  auto written = write_beside(beside, bytes_of(*last), front_size);
  if (!written)
    return std::move(written.error());
  open_file made{*written};
  if (auto replaced = replace_file(path_, beside); !replaced)
    return replaced;
  const std::lock_guard guard{lock_};
  ::close(std::exchange(file_, made.keep()));
  return {};
}

} // namespace weir::internal
