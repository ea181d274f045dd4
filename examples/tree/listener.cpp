#include "listener.hpp"
#include "session.hpp"

#include <weir/actors/thread_child.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <iostream>
#include <string>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

weir::failure can_not(const std::string& what, const boost::system::error_code& why) {
  return weir::fatal(why.message()).within("can't " + what);
}

weir::result<void> open(tcp::acceptor& acceptor, std::uint16_t port) {
  const tcp::endpoint address{asio::ip::address_v4::loopback(), port};
  boost::system::error_code failed;
  acceptor.open(address.protocol(), failed);
  if (!failed)
    acceptor.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed)
    acceptor.bind(address, failed);
  if (!failed)
    acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed)
    return can_not("listen on port " + std::to_string(port), failed);
  return {};
}

} // namespace

weir::result<void> listener::run(const std::stop_token& stop) const {
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
  if (auto opened = open(acceptor, port); !opened)
    return opened;
  std::cout << "listening on port " << acceptor.local_endpoint().port() << std::endl;
  while (!stop.stop_requested()) {
    const auto one = std::make_shared<session>(into);
    boost::system::error_code failed;
    context.restart();
    acceptor.async_accept(one->socket(), [&](boost::system::error_code how) { failed = how; });
    {
      const std::stop_callback<std::function<void()>> stopped{
          stop, [&] { asio::post(context, [&] { acceptor.cancel(); }); }};
      context.run();
    }
    if (failed == asio::error::operation_aborted)
      break;
    if (failed)
      return can_not("accept a connection", failed);
    if (sessions.count_children().active >= sessions_max) {
      asio::write(one->socket(), asio::buffer(std::string_view{"busy\n"}), failed);
      continue; // which closes it
    }
    // Nobody waits for the answer: a session that is not taken closes its connection.
    // [session]
    sessions.start_child(
        weir::thread_child([one](const std::stop_token& ends) { return one->run(ends); }));
    // [session]
  }
  return {};
}
