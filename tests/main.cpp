#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

/// What a process has that a test could leave behind.
struct holdings {
  std::map<std::string, std::size_t> descriptors; // what they refer to, and how many do
  std::size_t threads = 0;

  static holdings now() {
    namespace fs = std::filesystem;
    holdings all;
    std::error_code gone; // meanwhile
    for (const auto& one : fs::directory_iterator{"/proc/self/fd", gone})
      if (const auto to = fs::read_symlink(one.path(), gone); !gone)
        ++all.descriptors[kind_of(to.string())];
    for ([[maybe_unused]] const auto& one : fs::directory_iterator{"/proc/self/task", gone})
      ++all.threads;
    return all;
  }

  /// What there is more of than before; empty if nothing.
  std::string beyond(const holdings& before) const {
    std::string more;
    if (threads > before.threads)
      more += " " + std::to_string(threads - before.threads) + " threads;";
    for (const auto& [what, count] : descriptors) {
      const auto earlier = before.descriptors.find(what);
      if (const auto had = earlier == before.descriptors.end() ? 0 : earlier->second; count > had)
        more += " " + std::to_string(count - had) + " descriptors of " + what + ";";
    }
    return more;
  }

private:
  /// "socket:[4711]" is a socket, whichever.
  static std::string kind_of(const std::string& link) { return link.substr(0, link.find(":[")); }
};

/// Fails every test that leaves threads or open descriptors behind. Memory is AddressSanitizer's.
class leak_watch final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { before_ = holdings::now(); }
  void OnTestEnd(const testing::TestInfo&) override {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    auto left = holdings::now().beyond(before_);
    while (!left.empty()
           && std::chrono::steady_clock::now() < patience) { // a thread may be about to end
      std::this_thread::yield();
      left = holdings::now().beyond(before_);
    }
    EXPECT_EQ(left, "") << "the test has left something behind";
  }

  holdings before_;
};

} // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  std::thread{[] {}}.join(); // with the first thread comes that of ThreadSanitizer, to stay
  testing::UnitTest::GetInstance()->listeners().Append(new leak_watch);
  return RUN_ALL_TESTS();
}
