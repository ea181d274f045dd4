#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <map>
#include <new>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free
                  && std::atomic<std::uint32_t>::is_always_lock_free,
              "what is shared through a file must not need a lock in this process");

namespace {

constexpr std::array<char, 8> magic{'w', 'e', 'i', 'r', '-', 'f', 'l', 'y'};
constexpr std::uint32_t version = 1; // of the format; it also tells another byte order
constexpr std::uint64_t page = 4096;
constexpr std::uint32_t deaths_kept = 16;
constexpr std::uint32_t suspects_kept = 4096;
constexpr std::uint64_t file_max = std::uint64_t{1} << 28U; // bytes

/// What is fixed when the file is made.
struct identity {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::int32_t pid;
  std::int64_t begun_at;
  std::array<char, 96> program;
  std::uint32_t deaths;
  std::uint32_t suspects;
  std::uint64_t checksum; // of all before it, of the deaths and of the suspects
};

struct kept_death {
  std::int64_t at; // ms since 1970
  std::int32_t pid;
  std::int32_t status;
  std::array<char, 240> in_hand;
};
static_assert(sizeof(kept_death) == 256);

/// The beginning of the file.
struct front {
  identity who;
  std::atomic<std::uint32_t> running;
  std::int32_t cause_pid; // written by the parent
  std::int32_t cause_status;
  std::uint32_t reserved;
  std::int64_t cause_at;
  std::atomic<std::uint64_t> recovered; // 1: a stage goes on behind what was dead-lettered
  std::array<kept_death, deaths_kept> deaths;
  std::array<suspect, suspects_kept> suspects;
};
static_assert(std::is_trivially_destructible_v<front>);

constexpr std::uint64_t round_up(std::uint64_t size, std::uint64_t to) {
  return (size + to - 1) / to * to;
}
constexpr std::uint64_t front_size = round_up(sizeof(front), page);

struct section {
  std::uint64_t size; // bytes, of all of it
  std::uint32_t names_size;
  std::uint32_t slots;
  std::uint64_t slots_offset; // from the section
  std::uint64_t checksum;     // of all before it and of the names
};

std::uint64_t checksum(std::string_view bytes, std::uint64_t hash = 0xCBF29CE484222325U) {
  for (const char one : bytes)
    hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001B3U;
  return hash;
}
template <class T>
std::string_view bytes_of(const T& value, std::size_t size = sizeof(T)) {
  return {reinterpret_cast<const char*>(&value), size};
}
std::uint64_t checksum_of(const front& all) {
  auto hash = checksum(bytes_of(all.who, offsetof(identity, checksum)));
  hash = checksum(bytes_of(all.deaths), hash);
  return checksum(bytes_of(all.suspects, all.who.suspects * sizeof(suspect)), hash);
}
std::uint64_t checksum_of(const section& head, std::string_view names) {
  return checksum(names, checksum(bytes_of(head, offsetof(section, checksum))));
}

std::int64_t milliseconds(std::chrono::system_clock::time_point when) {
  return std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch().count();
}

template <std::size_t Size>
void put_text(std::array<char, Size>& into, std::string_view text) {
  into.fill('\0');
  std::copy_n(text.begin(), std::min(text.size(), Size - 1), into.begin());
}
template <std::size_t Size>
std::string text_of(const std::array<char, Size>& from) {
  return {from.data(), ::strnlen(from.data(), Size)};
}

void put_name(std::string& into, const std::string& name) {
  const auto size = static_cast<std::uint32_t>(name.size());
  into += bytes_of(size);
  into += name;
}

/// Reads names and numbers that may be anything.
class names_reader {
public:
  explicit names_reader(std::string_view bytes) : rest_{bytes} {}

  bool number(std::uint32_t& into) {
    if (rest_.size() < sizeof into)
      return false;
    std::memcpy(&into, rest_.data(), sizeof into);
    rest_.remove_prefix(sizeof into);
    return true;
  }
  bool name(std::string& into) {
    std::uint32_t size = 0;
    if (!number(size) || size > rest_.size())
      return false;
    into = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

private:
  std::string_view rest_;
};

failure system_failure(const std::string& what) {
  return fatal(what + ": " + std::strerror(errno));
}

/// A descriptor that is closed unless it is kept.
class open_file {
public:
  explicit open_file(int fd) : fd_{fd} {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const { return fd_; }
  int keep() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

/// The bytes of a file, from its beginning; fewer if they can't be read.
std::string read_all(int fd, std::uint64_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const auto count = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(got));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

bool write_all(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const auto count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

/// Opens the file and locks it. A file that was replaced meanwhile is not the one that is meant.
result<int> open_locked(const std::string& path) {
  for (;;) {
    open_file file{
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (file.get() < 0)
      return system_failure("can't open '" + path + "'");
    struct stat opened {};
    if (::fstat(file.get(), &opened) != 0 || !S_ISREG(opened.st_mode))
      return fatal("'" + path + "' is not a regular file");
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK)
        return system_failure("can't lock '" + path + "'");
      std::int32_t pid = 0;
      const auto there = read_all(file.get(), sizeof(identity));
      if (there.size() == sizeof(identity))
        std::memcpy(&pid, there.data() + offsetof(identity, pid), sizeof pid);
      return fatal("'" + path + "' is in use by another process"
                   + (pid > 0 ? " (" + std::to_string(pid) + ")" : ""));
    }
    struct stat named {};
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino
        && named.st_dev == opened.st_dev)
      return file.keep();
  }
}

/// The front as it lies in `bytes`; null if they can't be one.
std::unique_ptr<front> front_in(std::string_view bytes) {
  if (bytes.size() < sizeof(front))
    return nullptr;
  auto read = std::make_unique<front>();
  std::memcpy(static_cast<void*>(read.get()), bytes.data(), sizeof(front));
  return read;
}

/// Positions of one partition that were in hand at one stage.
struct hand_range {
  std::string text; // stage and partition, for a reader
  std::uint64_t stage, partition;
  std::uint64_t first, last;
  std::uint32_t failures; // 0: it was in hand; else only that it had failed so often
};

/// What the last life's slots hold.
struct wreck {
  std::vector<hand_range> in_hand;
  std::vector<hand_range> failed;
  std::uint64_t left_out = 0; // items that were in hand too
  bool damaged = false;
};

} // namespace

// --- slots -------------------------------------------------------------------------------------------

void flight_slot::ranges::add(origin where) noexcept {
  if (where.empty() || where.is_group())
    return;
  const auto word = where.word();
  const auto place = [this](std::size_t k) {
    return found_.begin() + static_cast<std::ptrdiff_t>(k);
  };
  auto at = count_; // behind the ranges that begin at or before it
  while (at > 0 && found_[at - 1].first > word)
    --at;
  if (at > 0 && word <= found_[at - 1].last)
    return;
  const bool extends = at > 0 && word == found_[at - 1].last + 1;
  const bool leads = at < count_ && found_[at].first == word + 1;
  if (extends && leads) {
    found_[at - 1].last = found_[at].last;
    std::copy(place(at + 1), place(count_), place(at));
    --count_;
  } else if (extends) {
    found_[at - 1].last = word;
  } else if (leads) {
    found_[at].first = word;
  } else {
    std::copy_backward(place(at), place(count_), place(count_ + 1));
    found_[at] = {word, word};
    if (++count_ > ranges_max)
      bridge();
  }
}

/// One range less: the narrowest gap is bridged first.
void flight_slot::ranges::bridge() noexcept {
  std::size_t narrowest = 0;
  std::uint64_t gap = ~std::uint64_t{0};
  for (std::size_t k = 0; k + 1 < count_; ++k) {
    const bool same_partition = (found_[k].last >> 48U) == (found_[k + 1].first >> 48U);
    if (same_partition && found_[k + 1].first - found_[k].last < gap) {
      gap = found_[k + 1].first - found_[k].last;
      narrowest = k;
    }
  }
  --count_;
  if (gap == ~std::uint64_t{0}) { // more partitions than places
    left_out_ += found_[count_].last - found_[count_].first + 1;
    return;
  }
  found_[narrowest].last = found_[narrowest + 1].last;
  const auto behind = found_.begin() + static_cast<std::ptrdiff_t>(narrowest);
  std::copy(behind + 2, found_.begin() + static_cast<std::ptrdiff_t>(count_) + 1, behind + 1);
}

void flight_slot::take(const ranges& batch) noexcept {
  in_hand_.store(0, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::copy_n(batch.found_.begin(), batch.count_, ranges_.begin());
  std::atomic_signal_fence(std::memory_order_seq_cst);
  take(batch.count_ == 0
           ? 0
           : batch_bit | std::min(batch.left_out_, left_out_max) << left_out_shift | batch.count_);
}

// --- what the last life left -------------------------------------------------------------------------

namespace {

struct slot_bytes { // the beginning of a flight_slot, to be read from anywhere
  std::uint64_t in_hand;
  std::uint64_t failed;
  std::uint32_t failures;
  std::uint32_t reserved;
  struct range {
    std::uint64_t first;
    std::uint64_t last;
  };
  std::array<range, flight_slot::ranges_max> ranges;

  static constexpr unsigned left_out_shift = 16; // of a batch: above the number of ranges
  static constexpr std::uint64_t count_mask = (std::uint64_t{1} << left_out_shift) - 1;
};

/// The names of a section.
struct section_names {
  std::string pipeline;
  std::vector<flight_recorder::stage_hands> stages;
  std::vector<std::string> partitions;
};

std::optional<section_names> names_in(std::string_view bytes, std::uint32_t slots) {
  section_names names;
  names_reader from{bytes};
  std::uint32_t count = 0;
  if (!from.name(names.pipeline) || !from.number(count))
    return std::nullopt;
  std::uint64_t sum = 0;
  for (; count > 0; --count) {
    auto& one = names.stages.emplace_back();
    if (!from.name(one.stage) || !from.number(one.slots))
      return std::nullopt;
    sum += one.slots;
  }
  if (!from.number(count) || sum != slots)
    return std::nullopt;
  for (; count > 0; --count)
    if (!from.name(names.partitions.emplace_back()))
      return std::nullopt;
  return names;
}

void read_slot(const slot_bytes& slot, const section_names& names, const std::string& stage,
               wreck& into) {
  const auto note = [&](std::vector<hand_range>& list, std::uint64_t first, std::uint64_t last,
                        std::uint32_t failures) {
    const auto from = origin::from_word(first);
    const auto to = origin::from_word(last);
    if (from.empty() || from.is_group() || to.is_group() || from.word() > to.word()
        || from.word() >> 48U != to.word() >> 48U || from.partition() >= names.partitions.size()) {
      into.damaged = true;
      return;
    }
    const auto& partition = names.partitions[from.partition()];
    list.push_back({"stage '" + stage + "', " + partition, flight_key(names.pipeline, stage),
                    flight_key(names.pipeline, partition), from.position(), to.position(),
                    failures});
  };
  if ((slot.in_hand & origin{nullptr}.word()) != 0) {
    const auto count = slot.in_hand & slot_bytes::count_mask;
    if (count > slot.ranges.size()) {
      into.damaged = true;
    } else {
      into.left_out += (slot.in_hand & origin::position_max) >> slot_bytes::left_out_shift;
      for (std::size_t k = 0; k < count; ++k)
        note(into.in_hand, slot.ranges[k].first, slot.ranges[k].last, 0);
    }
  } else if (slot.in_hand != 0) {
    note(into.in_hand, slot.in_hand, slot.in_hand, 0);
  }
  constexpr std::uint32_t failures_sane = 1'000'000'000;
  if (slot.failed != 0 && slot.failures > 0 && slot.failures <= failures_sane)
    note(into.failed, slot.failed, slot.failed, slot.failures);
}

wreck read_sections(std::string_view bytes) {
  wreck found;
  for (auto at = front_size; at + sizeof(section) <= bytes.size();) {
    section head{};
    std::memcpy(&head, bytes.data() + at, sizeof head);
    const auto left = bytes.size() - at;
    const auto slots_size = std::uint64_t{head.slots} * sizeof(flight_slot);
    if (head.size > left || head.size % page != 0 || head.size == 0 || head.names_size > left
        || head.slots_offset > left || head.slots_offset < sizeof(section) + head.names_size
        || slots_size > left || head.slots_offset + slots_size > head.size) {
      found.damaged = true;
      return found;
    }
    const auto names_bytes = bytes.substr(at + sizeof(section), head.names_size);
    const auto names = names_in(names_bytes, head.slots);
    if (head.checksum != checksum_of(head, names_bytes) || !names) {
      found.damaged = true;
      return found;
    }
    auto slot_at = at + head.slots_offset;
    for (const auto& stage : names->stages)
      for (std::uint32_t k = 0; k < stage.slots; ++k) {
        slot_bytes slot{};
        std::memcpy(&slot, bytes.data() + slot_at, sizeof slot);
        read_slot(slot, *names, stage.stage, found);
        slot_at += sizeof(flight_slot);
      }
    at += head.size;
  }
  return found;
}

/// One list for a reader: at most `size` bytes.
std::string in_hand_text(const std::vector<hand_range>& in_hand, std::size_t size) {
  std::string text;
  for (std::size_t k = 0; k < in_hand.size(); ++k) {
    const auto& one = in_hand[k];
    auto more = (text.empty() ? "" : "; ") + one.text + ":" + std::to_string(one.first);
    if (one.last > one.first)
      more += "-" + std::to_string(one.last);
    const auto rest = "; and " + std::to_string(in_hand.size() - k) + " more";
    if (text.size() + more.size() + rest.size() > size)
      return text.empty() ? std::to_string(in_hand.size()) + " positions" : text + rest;
    text += more;
  }
  return text;
}

/// Neighbours as one range.
void join(std::vector<hand_range>& ranges) {
  std::ranges::sort(ranges, {}, [](const hand_range& one) {
    return std::tuple{one.stage, one.partition, one.first};
  });
  std::vector<hand_range> joined;
  for (auto& one : ranges) {
    auto* before = joined.empty() ? nullptr : &joined.back();
    if (before != nullptr && before->stage == one.stage && before->partition == one.partition
        && one.first <= before->last + 1)
      before->last = std::max(before->last, one.last);
    else
      joined.push_back(std::move(one));
  }
  ranges.swap(joined);
}

/// Of joined ranges.
bool is_one_item(const std::vector<hand_range>& in_hand) {
  return in_hand.size() == 1 && in_hand.front().first == in_hand.front().last;
}

/// `known` with what a death adds: where `change` is applied to positions that were not known, they are added.
template <class Change>
std::vector<suspect> with(const std::vector<suspect>& known, const hand_range& range,
                          std::int64_t died_at, Change change) {
  std::vector<suspect> made;
  auto next = range.first; // not covered yet
  const auto add_new = [&](std::uint64_t first, std::uint64_t last) {
    suspect one{.stage = range.stage, .partition = range.partition, .first = first, .last = last};
    one.first_at = died_at;
    one.status = suspect::unknown_status;
    change(one);
    made.push_back(one);
  };
  for (auto one : known) {
    const bool meets = one.stage == range.stage && one.partition == range.partition
                       && one.first <= range.last && range.first <= one.last;
    if (!meets) {
      made.push_back(one);
      continue;
    }
    const auto whole = one;
    const auto first = std::max(one.first, range.first);
    const auto last = std::min(one.last, range.last);
    if (whole.first < first) {
      made.push_back(whole);
      made.back().last = first - 1;
    }
    if (last < whole.last) {
      made.push_back(whole);
      made.back().first = last + 1;
    }
    if (next < first)
      add_new(next, first - 1);
    next = last + 1;
    one.first = first;
    one.last = last;
    change(one);
    made.push_back(one);
  }
  if (next <= range.last)
    add_new(next, range.last);
  std::ranges::sort(made, {}, [](const suspect& one) {
    return std::tuple{one.stage, one.partition, one.first};
  });
  return made;
}

bool is_sound(const suspect& one) {
  return one.stage != 0 && one.partition != 0 && one.first <= one.last
         && one.last <= origin::position_max;
}

/// What a file leaves to the next life.
struct heritage {
  flight_recorder::life last;
  std::vector<suspect> suspects;
};

heritage read_heritage(std::string_view bytes, const front& old, std::int64_t now) {
  heritage made;
  const bool told = old.cause_pid == old.who.pid && old.cause_status != suspect::unknown_status;
  const bool ended_by_itself = old.running.load() == 0 && !told;
  if (ended_by_itself && old.who.suspects == 0)
    return made;
  for (std::uint32_t k = 0; k < old.who.deaths; ++k)
    made.last.deaths.push_back(
        {.at = std::chrono::system_clock::time_point{std::chrono::milliseconds{old.deaths[k].at}},
         .pid = old.deaths[k].pid,
         .status = old.deaths[k].status == suspect::unknown_status
                       ? std::nullopt
                       : std::optional<int>{old.deaths[k].status},
         .in_hand = text_of(old.deaths[k].in_hand)});
  for (std::uint32_t k = 0; k < old.who.suspects; ++k)
    if (is_sound(old.suspects[k]))
      made.suspects.push_back(old.suspects[k]);
  if (ended_by_itself)
    return made;

  auto found = read_sections(bytes);
  if (found.damaged)
    made.last.remarks.emplace_back("a part of the flight recorder is damaged and was left out");
  if (found.left_out > 0)
    made.last.remarks.push_back("a batch from more than " + std::to_string(flight_slot::ranges_max)
                                + " sources was in hand: " + std::to_string(found.left_out)
                                + " of its items are not among the suspects");
  if (made.last.deaths.size() == deaths_kept)
    made.last.deaths.erase(made.last.deaths.begin());
  const auto status = told ? old.cause_status : suspect::unknown_status;
  const auto died_at = told ? old.cause_at : now;
  join(found.in_hand);
  const bool alone = is_one_item(found.in_hand);
  for (const auto& range : found.in_hand)
    made.suspects = with(made.suspects, range, died_at, [&](suspect& one) {
      ++one.deaths;
      one.status = status;
      one.alone = alone ? 1 : 0;
    });
  for (const auto& range : found.failed)
    made.suspects = with(made.suspects, range, died_at, [&](suspect& one) {
      one.failures = std::max(one.failures, range.failures);
    });
  if (made.suspects.size() > suspects_kept) {
    made.last.remarks.push_back("the flight recorder keeps " + std::to_string(suspects_kept)
                                + " of " + std::to_string(made.suspects.size()) + " suspects");
    std::ranges::stable_sort(made.suspects, std::greater{}, &suspect::deaths);
    made.suspects.resize(suspects_kept);
  }
  made.last.died = true;
  made.last.deaths.push_back(
      {.at = std::chrono::system_clock::time_point{std::chrono::milliseconds{died_at}},
       .pid = old.who.pid,
       .status = told ? std::optional<int>{status} : std::nullopt,
       .in_hand = in_hand_text(found.in_hand, sizeof(kept_death::in_hand) - 1)});
  return made;
}

/// Why a file that is there is of no use; and whether it may be written over.
struct verdict {
  std::string why; // empty: it is sound
  bool foreign = false;
};

verdict judge(std::string_view bytes, const front* old, const std::string& program) {
  const auto shown = bytes.substr(0, std::min(bytes.size(), magic.size()));
  if (bytes.empty() || std::ranges::all_of(shown, [](char one) { return one == '\0'; }))
    return {.why = "it was never written"};
  if (!std::ranges::equal(shown, std::string_view{magic.data(), shown.size()}))
    return {.why = "it is not a flight recorder", .foreign = true};
  if (bytes.size() < front_size || old == nullptr)
    return {.why = "it is cut off"};
  if (old->who.version != version)
    return {.why = "it has version " + std::to_string(old->who.version) + ", this is version "
                   + std::to_string(version)};
  if (old->who.deaths > deaths_kept || old->who.suspects > suspects_kept
      || old->who.checksum != checksum_of(*old))
    return {.why = "its header is damaged"};
  if (const auto whose = text_of(old->who.program); whose != program)
    return {.why = "it belongs to '" + whose + "', this is '" + program + "'"};
  return {};
}

/// Makes the file that is to replace another one: a locked descriptor. What is mapped has its blocks, so that a full
/// disk is an error here and not a signal later.
result<int> write_beside(const std::string& beside, const front& next) {
  ::unlink(beside.c_str());
  open_file made{::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  const auto layer = [&] { return "can't make '" + beside + "'"; };
  if (made.get() < 0 || ::flock(made.get(), LOCK_EX | LOCK_NB) != 0)
    return system_failure(layer());
  if (const int error = ::posix_fallocate(made.get(), 0, front_size); error != 0)
    return fatal(layer() + ": " + std::strerror(error));
  if (!write_all(made.get(), bytes_of(next), 0))
    return system_failure(layer());
  return made.keep();
}

/// Whatever happens, there is the old file or the new one.
result<void> replace(const std::string& path, const std::string& beside) {
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return system_failure("can't put '" + beside + "' in the place of '" + path + "'");
  return {};
}

void put_suspects(front& into, const std::vector<suspect>& all) {
  into.who.suspects = static_cast<std::uint32_t>(all.size());
  std::ranges::copy(all, into.suspects.begin());
  into.who.checksum = checksum_of(into);
}

} // namespace

// --- the recorder ------------------------------------------------------------------------------------

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
  heritage kept;
  if (judged.why.empty())
    kept = read_heritage(bytes, *old, now);
  else if (!bytes.empty())
    kept.last.remarks.push_back("the flight recorder is begun anew: " + judged.why);

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

  const auto beside = path + ".new";
  auto written = write_beside(beside, *next);
  if (!written)
    return std::move(written.error());
  open_file made{*written};
  auto* at = ::mmap(nullptr, front_size, PROT_READ | PROT_WRITE, MAP_SHARED, made.get(), 0);
  if (at == MAP_FAILED)
    return system_failure("can't map '" + beside + "'");
  std::unique_ptr<flight_recorder> recorder{new flight_recorder};
  recorder->front_ = {at, front_size};
  if (auto replaced = replace(path, beside); !replaced)
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
  static_assert(sizeof(slot_bytes) <= sizeof(flight_slot)
                    && offsetof(slot_bytes, in_hand) == offsetof(flight_slot, in_hand_)
                    && offsetof(slot_bytes, failed) == offsetof(flight_slot, failed_)
                    && offsetof(slot_bytes, failures) == offsetof(flight_slot, failures_)
                    && offsetof(slot_bytes, ranges) == offsetof(flight_slot, ranges_)
                    && sizeof(slot_bytes::ranges) == sizeof(flight_slot::ranges_)
                    && offsetof(slot_bytes::range, last) == offsetof(flight_slot::range, last)
                    && slot_bytes::left_out_shift == flight_slot::left_out_shift
                    && flight_slot::batch_bit == std::uint64_t{1} << 63U,
                "a slot is read as it was written");
  std::string names;
  section head{};
  put_name(names, pipeline);
  auto count = static_cast<std::uint32_t>(stages.size());
  names += bytes_of(count);
  std::uint64_t slots = 0;
  for (const auto& one : stages) {
    put_name(names, one.stage);
    names += bytes_of(one.slots);
    slots += one.slots;
  }
  count = static_cast<std::uint32_t>(partitions.size());
  names += bytes_of(count);
  for (const auto& one : partitions)
    put_name(names, one);
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
  auto written = write_beside(beside, *last);
  if (!written)
    return std::move(written.error());
  open_file made{*written};
  if (auto replaced = replace(path_, beside); !replaced)
    return replaced;
  ::close(std::exchange(file_, made.keep()));
  return {};
}

std::optional<flight_recorder::autopsy> flight_recorder::examine(const std::string& path, int pid,
                                                                 int status) {
  const open_file file{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat there {};
  if (file.get() < 0 || ::fstat(file.get(), &there) != 0 || !S_ISREG(there.st_mode))
    return std::nullopt;
  const auto bytes =
      read_all(file.get(), std::min(static_cast<std::uint64_t>(there.st_size), file_max));
  const auto dead = front_in(bytes);
  if (!dead || dead->who.magic != magic || dead->who.version != version || dead->who.pid != pid)
    return std::nullopt;

  const std::int32_t cause[] = {pid, status};
  const auto when = milliseconds(std::chrono::system_clock::now());
  static_assert(offsetof(front, cause_status)
                == offsetof(front, cause_pid) + sizeof(front::cause_pid));
  if (!write_all(file.get(), bytes_of(when), offsetof(front, cause_at))
      || !write_all(file.get(), bytes_of(cause), offsetof(front, cause_pid)))
    return std::nullopt;

  autopsy found{.culprit = {}, .recovered = dead->recovered.load() > 0};
  auto in_hand = read_sections(bytes).in_hand;
  join(in_hand);
  if (is_one_item(in_hand)) {
    const auto& one = in_hand.front();
    const std::uint64_t item[] = {one.stage, one.partition, one.first};
    found.culprit = checksum(bytes_of(item));
  }
  return found;
}

} // namespace weir
