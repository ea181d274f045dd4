#include <weir/connectors/http/transfers.hpp>

#include <weir/connectors/http/transfer.hpp>

#include <chrono>
#include <exception>
#include <new>
#include <unordered_map>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace weir::http {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

/// A socket of libcurl's that the context looks at. The socket stays libcurl's: it is let go, not closed.
class transfers::watch : public std::enable_shared_from_this<watch> {
public:
  watch(std::weak_ptr<on_context> by, const asio::any_io_executor& where, curl_socket_t socket)
      : by_{std::move(by)}, socket_{socket}, descriptor_{where, socket} {}
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  ~watch() { let_go(); }

  /// Before libcurl closes it: the next socket may have the same number.
  void let_go() noexcept {
    if (descriptor_.is_open())
      descriptor_.release();
  }

  void wait_for(int what) {
    wanted_ = what;
    if ((wanted_ & CURL_POLL_IN) != 0 && !reads_)
      wait(reads_, stream_descriptor::wait_read, CURL_POLL_IN, CURL_CSELECT_IN);
    if ((wanted_ & CURL_POLL_OUT) != 0 && !writes_)
      wait(writes_, stream_descriptor::wait_write, CURL_POLL_OUT, CURL_CSELECT_OUT);
  }

private:
  void wait(bool& waits, stream_descriptor::wait_type until, int wanted, int event);

  const std::weak_ptr<on_context> by_;
  const curl_socket_t socket_;
  stream_descriptor descriptor_;
  int wanted_ = 0;
  bool reads_ = false;
  bool writes_ = false;
};

/// What is the context's.
struct transfers::on_context {
  on_context(transfers& for_whom, const asio::any_io_executor& here)
      : all{for_whom}, where{here}, timer{here} {}

  transfers& all; // which lets go of this before it ends
  const asio::any_io_executor where;
  asio::steady_timer timer;
  std::unordered_map<curl_socket_t, std::shared_ptr<watch>> watches;
};

void transfers::watch::wait(bool& waits, stream_descriptor::wait_type until, int wanted,
                            int event) {
  waits = true;
  descriptor_.async_wait(until, [self = weak_from_this(), &waits, wanted,
                                 event](const boost::system::error_code& error) {
    const auto here = self.lock();
    const auto by = here ? here->by_.lock() : nullptr;
    if (!by || error == asio::error::operation_aborted)
      return;
    waits = false;
    if ((here->wanted_ & wanted) == 0)
      return;
    by->all.act(here->socket_, error ? CURL_CSELECT_ERR : event);
    if (here->descriptor_.is_open()) // else it was let go meanwhile
      here->wait_for(here->wanted_);
  });
}

transfers::transfers(std::size_t connections_max) : multi_{curl_multi_init()} {
  if (multi_ == nullptr)
    throw std::bad_alloc{};
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &transfers::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &transfers::on_time);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max));
}

transfers::~transfers() { curl_multi_cleanup(multi_); }

void transfers::begin(transfer& one, const asio::any_io_executor& where) {
  if (!io_)
    io_ = std::make_shared<on_context>(*this, where);
  under_way_.insert(&one);
  adding_ = true;
  const auto added = curl_multi_add_handle(multi_, one.handle());
  adding_ = false;
  if (added != CURLM_OK)
    return one.broken(curl_multi_strerror(added));
  act(CURL_SOCKET_TIMEOUT, 0);
}

void transfers::remove(transfer& one) noexcept {
  if (under_way_.erase(&one) == 0)
    return;
  curl_multi_remove_handle(multi_, one.handle());
  if (under_way_.empty())
    io_.reset();
}

void transfers::act(curl_socket_t socket, int events) noexcept {
  int running = 0;
  const auto worked = curl_multi_socket_action(multi_, socket, events, &running);
  int left = 0;
  while (const auto* const said = curl_multi_info_read(multi_, &left))
    if (said->msg == CURLMSG_DONE)
      transfer::of(said->easy_handle)->ended(said->data.result);
  if (worked != CURLM_OK)
    break_all(curl_multi_strerror(worked));
  else if (!trouble_.empty())
    break_all(std::exchange(trouble_, {}));
}

void transfers::break_all(const std::string& why) noexcept {
  for (auto* const one : under_way_)
    if (!one->is_over())
      one->broken(why);
}

int transfers::on_socket(CURL*, curl_socket_t socket, int what, void* mine, void*) noexcept {
  auto& self = *static_cast<transfers*>(mine);
  try {
    self.look_at(socket, what);
  } catch (const std::exception& wrong) { // no memory, or no room in the kernel
    self.trouble_ = wrong.what();
  }
  return 0; // with anything else libcurl would be of no use any more
}

void transfers::look_at(curl_socket_t socket, int what) {
  if (!io_)
    return;
  auto& watches = io_->watches;
  if (what == CURL_POLL_REMOVE) {
    if (const auto there = watches.find(socket); there != watches.end()) {
      if (there->second)
        there->second->let_go();
      watches.erase(there);
    }
    return;
  }
  auto& mine = watches[socket];
  if (!mine)
    mine = std::make_shared<watch>(io_, io_->where, socket);
  mine->wait_for(what);
}

int transfers::on_time(CURLM*, long milliseconds, void* mine) noexcept {
  auto& self = *static_cast<transfers*>(mine);
  try {
    self.set_timer(milliseconds);
  } catch (const std::exception& wrong) {
    self.trouble_ = wrong.what();
  }
  return 0;
}

void transfers::set_timer(long milliseconds) {
  if (!io_ || (adding_ && milliseconds == 0))
    return;
  if (milliseconds < 0) {
    io_->timer.cancel();
    return;
  }
  io_->timer.expires_after(std::chrono::milliseconds{milliseconds});
  io_->timer.async_wait([by = std::weak_ptr{io_}](const boost::system::error_code& error) {
    if (const auto here = by.lock(); here && !error)
      here->all.act(CURL_SOCKET_TIMEOUT, 0);
  });
}

} // namespace weir::http
