#include "../sanitized.hpp"
#include "../threads.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// More than can be done, in little memory.
namespace {

using namespace weir_test;

constexpr std::size_t count = 40'000;
constexpr std::size_t item_bytes = 16 * 1024;     // 640 MB in all
constexpr std::uint32_t mailbox = 128;            // items, 2 MB
constexpr rlim_t memory_max = 100U * 1024 * 1024; // bytes of data, the stacks of threads among them

/// A source that makes all that it is let, and a sink that goes on only when that has come to its end: for want of
/// credit, or of more to make. Returns the exit code.
int overload() {
  const rlimit little{.rlim_cur = memory_max, .rlim_max = memory_max};
  if (::setrlimit(RLIMIT_DATA, &little) != 0)
    return 2;
  std::atomic<std::size_t> made = 0;
  std::size_t items = 0;
  std::size_t came = 0;
  weir::running_pipeline* running = nullptr;
  const auto source_rests = [&] {
    const auto does = running->view().stages[0].workers[0].does;
    return made == count || does == weir::waiting_as::credit || does == weir::waiting_as::down;
  };
  weir::pipeline p{"overloaded"};
  p.from("much",
         counted{count,
                 [&made](std::size_t n) {
                   ++made;
                   return std::string(item_bytes, static_cast<char>('a' + n % 26));
                 }},
         {.execution = weir::execution::own_thread})
      .via("stage", [](std::string item) noexcept { return item; }, {.mailbox_capacity = mailbox})
      .to("slow",
          [&](const std::string& item) noexcept {
            if (items++ % mailbox == 0)
              while (!source_rests())
                std::this_thread::yield();
            came += item.size();
          },
          {.mailbox_capacity = mailbox});
  weir::runtime node{{.threads = 1}};
  weir::running_pipeline run{std::move(p), node};
  running = &run;
  if (!run.start() || run.wait() != weir::running_pipeline::state::finished)
    return 3;
  for (const auto& one : run.snapshot().stages)
    if (one.failed > 0 || one.restarts > 0) // for want of memory, which is survived
      return 4;
  return came == count * item_bytes && run.snapshot().ledger.balanced() ? 0 : 5;
}

TEST(Overload, StaysWithinAMemoryLimit) {
  if (address_sanitizer)
    GTEST_SKIP() << "AddressSanitizer takes more memory than the limit";
  const auto child = ::fork();
  if (child == 0)
    ::_exit(overload());
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
