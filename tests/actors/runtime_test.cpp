#include "../threads.hpp"

#include <future>
#include <memory>
#include <optional>

namespace {

using namespace weir_test;

/// Calls `what` on a thread that lives on until the test is over.
class lasting_thread {
public:
  template <class What>
  explicit lasting_thread(What what)
      : thread_{[this, what] {
          what();
          done_.set_value();
          over_.get_future().wait();
        }} {
    done_.get_future().wait();
  }
  ~lasting_thread() {
    over_.set_value();
    thread_.join();
  }

private:
  std::promise<void> done_;
  std::promise<void> over_;
  std::thread thread_;
};

TEST(Runtime, MayEndWhileTheThreadsThatMadeAndUsedItLiveOn) {
  // On the heap, so that a test that fails does not hang.
  auto* node = new std::unique_ptr<weir::runtime>;
  collected<int> out;
  const lasting_thread maker{[&] { *node = std::make_unique<weir::runtime>(); }};
  std::optional<weir::running_pipeline> r;
  const lasting_thread user{[&] {
    weir::pipeline p{"numbers"};
    p.from("numbers", numbers(10)).to("sink", out.sink());
    r.emplace(std::move(p), **node);
    EXPECT_TRUE(r->start());
  }};
  EXPECT_EQ(r->wait(), weir::running_pipeline::state::finished);
  r.reset();
  std::promise<void> ended;
  auto has_ended = ended.get_future();
  std::thread{[node, ended = std::move(ended)]() mutable {
    node->reset();
    ended.set_value();
    delete node;
  }}.detach();
  EXPECT_EQ(has_ended.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(out.items(), up_to(10));
}

} // namespace
