#include "../probes.hpp"

#include <chrono>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// More than can be done, in little memory.
namespace {

using namespace probes;

constexpr std::size_t count = 40'000;
constexpr std::size_t item_bytes = 16 * 1024;     // 640 MB in all
constexpr std::uint32_t mailbox = 128;            // items, 2 MB
constexpr rlim_t memory_max = 100U * 1024 * 1024; // bytes of data, the stacks of threads among them

void work_for(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end)
    ;
}

/// A source that makes far more than three times as much as its sink can take. Returns the exit code.
int overload() {
  const rlimit little{.rlim_cur = memory_max, .rlim_max = memory_max};
  if (::setrlimit(RLIMIT_DATA, &little) != 0)
    return 2;
  std::size_t came = 0;
  weir::pipeline p{"overloaded"};
  p.from("much",
         counted{count,
                 [](std::size_t n) {
                   work_for(1us);
                   return std::string(item_bytes, static_cast<char>('a' + n % 26));
                 }},
         {.execution = weir::execution::own_thread})
      .via("stage", [](std::string item) noexcept { return item; }, {.mailbox_capacity = mailbox})
      .to("slow",
          [&came](const std::string& item) noexcept {
            work_for(15us);
            came += item.size();
          },
          {.mailbox_capacity = mailbox});
  weir::runtime node{{.threads = 1}};
  weir::running_pipeline run{std::move(p), node};
  if (!run.start() || run.wait() != weir::running_pipeline::state::finished)
    return 3;
  for (const auto& one : run.snapshot().stages)
    if (one.failed > 0 || one.restarts > 0) // for want of memory, which is survived
      return 4;
  return came == count * item_bytes && run.snapshot().ledger.balanced() ? 0 : 5;
}

TEST(Overload, StaysWithinAMemoryLimit) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer takes more memory than the limit";
#endif
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
