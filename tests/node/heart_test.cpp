#include <weir/node/heart.hpp>

#include <csignal>

#include <gtest/gtest.h>

namespace {

constexpr int exited(int code) { return code << 8; }

TEST(Heart, RestartsWhatEndedByADefect) {
  EXPECT_TRUE(weir::internal::is_restarted(SIGSEGV));
  EXPECT_TRUE(weir::internal::is_restarted(SIGKILL));
  EXPECT_TRUE(weir::internal::is_restarted(SIGTERM)) << "nobody told the parent";
  EXPECT_TRUE(weir::internal::is_restarted(exited(1))) << "its supervisor escalated";
  EXPECT_TRUE(weir::internal::is_restarted(exited(7)));
  EXPECT_TRUE(weir::internal::is_restarted(exited(127)));
}

TEST(Heart, LeavesAloneWhatWouldEndSoAgain) {
  EXPECT_FALSE(weir::internal::is_restarted(exited(0)));
  EXPECT_FALSE(weir::internal::is_restarted(exited(2))) << "usage";
  EXPECT_FALSE(weir::internal::is_restarted(exited(3))) << "something was left at a deadline";
  EXPECT_FALSE(weir::internal::is_restarted(exited(4))) << "the ledger does not balance";
}

TEST(Heart, IsNotFoundWhereThereIsNone) {
  // The test program's parent has no such child: a number that was inherited from elsewhere is not believed.
  ::setenv("WEIR_HEART", "1", 1);
  EXPECT_EQ(weir::internal::kept_alive_by(), std::nullopt);
  EXPECT_EQ(::getenv("WEIR_HEART"), nullptr);
}

} // namespace
