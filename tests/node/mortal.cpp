// A small service that dies on some of its items, in a way and at a place that it is told: for mortal.py. Its pipeline
// is the node's own, or a child of a tree.
#include <weir/connectors/files.hpp>
#include <weir/connectors/sqlite.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/parts.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/weir.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace {

struct settings {
  std::string input;
  std::string store;
  std::string dead_letters;
  std::string where = "nowhere";
  std::string how = "segv";
  std::vector<std::string> at = {};
  std::uint32_t workers = 1;
  std::uint32_t batch_size = 100;
  std::uint32_t in_flight = 16;
  std::uint32_t pause_ms = 0;
  std::uint32_t mailbox = 1024;
  bool in_tree = false;
  weir::node_settings node;
};

settings chosen;
std::vector<std::uint64_t> deadly;

// Without the sanitizer's check of the pointer: the process is to die by the signal itself.
__attribute__((no_sanitize("undefined"))) void die() {
  if (chosen.how == "segv") {
    auto* volatile nothing = static_cast<volatile int*>(nullptr);
    *nothing = 1;
  } else if (chosen.how == "abort") {
    std::abort();
  } else if (chosen.how == "kill") {
    ::kill(::getpid(), SIGKILL);
    for (;;)
      ::pause();
  } else if (chosen.how == "exit") {
    std::_Exit(7);
  }
}

void die_at(const char* where, std::uint64_t number) {
  if (chosen.where == where && std::ranges::binary_search(deadly, number))
    die();
}

weir::result<std::uint64_t> parse(const weir::text_event& in) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(in.text.data(), in.text.data() + in.text.size(), number);
  if (error != std::errc{})
    return weir::poison("expected a number, found '" + in.text + "'");
  die_at("stage", number);
  return number;
}

boost::asio::awaitable<weir::result<std::uint64_t>> wait(const std::uint64_t& number) {
  boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
  timer.expires_after(std::chrono::milliseconds{chosen.pause_ms} + std::chrono::microseconds{50});
  co_await timer.async_wait(boost::asio::use_awaitable);
  die_at("wait", number);
  co_return number;
}

/// Says so, in a way that a handler may.
void hear(int) {
  constexpr std::string_view heard = "heard SIGUSR1\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, heard.data(), heard.size());
}

weir::pipeline pipeline_of_numbers() {
  weir::pipeline numbers{"numbers"};
  const weir::files::lines_options input{.path = chosen.input, .partition = chosen.input};
  numbers.from("file", weir::files::lines{input}, {.execution = weir::execution::own_thread})
      .via("parse", parse, {.workers = chosen.workers, .mailbox_capacity = chosen.mailbox})
      .via("wait", wait, {.mailbox_capacity = chosen.mailbox, .in_flight_max = chosen.in_flight})
      .batch("batch", {.size_max = chosen.batch_size, .delay_max = std::chrono::milliseconds{20}},
             [](const std::uint64_t& number) {
               die_at("predicate", number);
               return false;
             })
      .to("store",
          weir::sqlite::insert<std::uint64_t>{
              {.path = chosen.store,
               .table = "numbers",
               .columns = {"number"},
               .key = "number",
               .create = "CREATE TABLE IF NOT EXISTS numbers(number INTEGER PRIMARY KEY)"},
              [](const std::uint64_t& number, weir::sqlite::row& row) {
                die_at("row", number);
                row.set("number", number);
              }},
          {.mailbox_capacity = 8, .execution = weir::execution::own_thread});
  numbers.positions_in(std::make_shared<weir::sqlite::positions>(chosen.store));
  numbers.dead_letters_to(weir::dead_letters::sqlite{chosen.dead_letters});
  return numbers;
}

int run() {
  weir::node node{chosen.node};
  if (chosen.where == "start")
    die();
  if (!chosen.in_tree)
    return node.run(pipeline_of_numbers());
  weir::tree server{"server"};
  server.add_pipeline("numbers", pipeline_of_numbers);
  return node.run(server);
}

} // namespace

// AddressSanitizer, if it is built with that, would turn these signals into exits with a code of its own.
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_abort=0";
}

int main(int argc, char** argv) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::signal(SIGUSR1, hear);
  weir::configuration config{"mortal", "Stores numbers, and dies on some of them."};
  config.option("input", chosen.input, "File with a number a line.").required();
  config.option("store", chosen.store, "SQLite file for the numbers.").required();
  config.option("dead-letters", chosen.dead_letters, "SQLite file for the others.").required();
  config.option("where", chosen.where, "Where it dies.")
      .one_of({"nowhere", "start", "stage", "wait", "predicate", "row"});
  config.option("how", chosen.how, "How it dies.").one_of({"segv", "abort", "kill", "exit"});
  config.option("at", chosen.at, "The numbers it dies on.");
  config.option("workers", chosen.workers, "Workers of the first stage.");
  config.option("batch-size", chosen.batch_size, "Rows in a transaction.");
  config.option("in-flight", chosen.in_flight, "Numbers that wait at a time.");
  config.option("pause", chosen.pause_ms, "How long each of them waits, in ms.");
  config.option("mailbox", chosen.mailbox, "Numbers that wait before a stage.");
  config.option("in-tree", chosen.in_tree, "The pipeline is a child of a tree.");
  weir::declare(config, chosen.node);
  if (const auto outcome = config.parse(argc, argv); !outcome) {
    (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
    return outcome.exit_code();
  }
  for (const auto& one : chosen.at)
    deadly.push_back(std::strtoull(one.c_str(), nullptr, 10));
  std::ranges::sort(deadly);
  return run();
}
