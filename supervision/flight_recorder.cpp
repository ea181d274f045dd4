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

namespace weir {

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
  const auto names = bytes_of_names(pipeline, stages, partitions);
  std::uint64_t slots = 0;
  for (const auto& one : stages)
    slots += one.slots;
  section head{};
  head.slots_offset = round_up(sizeof(section) + names.size(), alignof(flight_slot));
  head.size = round_up(head.slots_offset + slots * sizeof(flight_slot), page);
  const auto layer = [&] { return "can't keep pipeline '" + pipeline + "' in '" + path_ + "'"; };
  if (end_ + head.size > file_max)
    return fatal(layer() + ": it has " + std::to_string(slots)
                 + " things that can have an item in hand, which is too many");
  head.names_size = static_cast<std::uint32_t>(names.size());
  head.slots = static_cast<std::uint32_t>(slots);
  head.checksum = checksum_of(head, names);
  if (const int error =
          ::posix_fallocate(file_, static_cast<off_t>(end_), static_cast<off_t>(head.size));
      error != 0)
    return fatal(layer() + ": " + std::strerror(error));
  if (!write_all(file_, std::string{bytes_of(head)} + names, end_))
    return system_failure(layer());
  auto* at = ::mmap(nullptr, head.size, PROT_READ | PROT_WRITE, MAP_SHARED, file_,
                    static_cast<off_t>(end_));
  if (at == MAP_FAILED)
    return system_failure(layer());
  sections_.push_back({at, head.size});
  end_ += head.size;
  auto* first = static_cast<std::byte*>(at) + head.slots_offset;
  for (std::uint64_t k = 0; k < slots; ++k)
    ::new (static_cast<void*>(first + k * sizeof(flight_slot))) flight_slot{};
  return std::span{std::launder(reinterpret_cast<flight_slot*>(first)), slots};
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
  ::close(std::exchange(file_, made.keep()));
  return {};
}

} // namespace weir
