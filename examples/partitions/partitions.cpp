#include "audit.hpp"
#include "broker.hpp"
#include "log_source.hpp"
#include "record_log.hpp"

#include <weir/connectors/sqlite.hpp>
#include <weir/node/configuration.hpp>
#include <weir/weir.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// A log of six partitions is stored row by row, while a broker takes partitions away and gives them back, and another
/// member of the group claims some. At the end the program checks that each record is there once.
namespace {

using namespace std::chrono_literals;

struct settings {
  broker_options broker{.store = "partitions.db"};
  weir::node_settings node;

  std::string dead_letters() const { return broker.store + ".dead"; }
};

weir::result<record> check(const record& one) {
  if (is_broken(one))
    return weir::poison("the record is broken");
  return record{.partition = one.partition, .number = one.number, .value = worked(one)};
}

weir::sqlite::insert<record> rows_in_store(const settings& chosen) {
  return {record_table(chosen.broker.store), fill_row};
}

/// What may be in flight is kept small: it is what is read again when a partition is taken away.
weir::pipeline pipeline_of(const settings& chosen, std::shared_ptr<broker> from) {
  weir::pipeline records{std::string{pipeline_name}};
  records.from("log", log_source{std::move(from)}, {.execution = weir::execution::own_thread})
      .via("check", check, {.workers = 2, .mailbox_capacity = 256})
      .batch("batch", {.size_max = 100, .delay_max = 5ms, .mailbox_capacity = 256})
      .to("store", rows_in_store(chosen),
          {.mailbox_capacity = 4, // batches
           .retry = {.attempts = weir::unlimited, .delay_max = 100ms},
           .execution = weir::execution::own_thread});
  records.positions_in(std::make_shared<weir::sqlite::positions>(chosen.broker.store));
  records.dead_letters_to(weir::dead_letters::sqlite{chosen.dead_letters()});
  return records;
}

/// 199,980
std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

/// Of each partition, and at the end of all of them.
partition_tally print(const std::array<partition_tally, partitions_count>& tallies) {
  const auto line = [](const std::string& name, const partition_tally& one) {
    std::cout << std::left << std::setw(10) << name << std::right;
    for (const auto count : {one.opened, one.revoked, one.claimed, one.fenced, one.returned,
                             one.left_out, one.elsewhere})
      std::cout << std::setw(11) << grouped(count);
    std::cout << '\n';
  };
  std::cout << "\npartition     opened    revoked    claimed     fenced   returned   left out"
               "  elsewhere\n";
  partition_tally all;
  for (std::size_t k = 0; k < partitions_count; ++k) {
    const auto& one = tallies[k];
    line(name_of(k), one);
    all.opened += one.opened;
    all.revoked += one.revoked;
    all.claimed += one.claimed;
    all.fenced += one.fenced;
    all.returned += one.returned;
    all.left_out += one.left_out;
    all.elsewhere += one.elsewhere;
  }
  line("all", all);
  return all;
}

/// The counts that are checked here.
struct ledger_counts {
  std::uint64_t acknowledged = 0;
  std::uint64_t filtered = 0;
  std::uint64_t returned = 0;
};

/// From the report that the node has written.
weir::result<ledger_counts> ledger_in(const std::string& report) {
  try {
    std::ifstream file{report};
    const auto ledger = nlohmann::json::parse(file).at("ledger");
    return ledger_counts{.acknowledged = ledger.at("acknowledged").get<std::uint64_t>(),
                         .filtered = ledger.at("filtered").get<std::uint64_t>(),
                         .returned = ledger.at("returned").get<std::uint64_t>()};
  } catch (const nlohmann::json::exception& wrong) {
    return weir::fatal("can't read the report '" + report + "': " + wrong.what());
  }
}

/// What the files and the ledger say that must not be, a sentence each.
std::vector<std::string> mistakes(const audit& found, const ledger_counts& ledger,
                                  const partition_tally& all, std::uint64_t rows_before,
                                  bool finished) {
  std::vector<std::string> wrong;
  const auto none = [&](std::uint64_t count, const std::string& what) {
    if (count > 0)
      wrong.push_back(grouped(count) + " " + what);
  };
  if (finished)
    none(found.missing, "records are neither a row nor a dead letter");
  none(found.both, "records are a row and a dead letter");
  none(found.wrong, "records are stored wrongly");
  none(found.unknown, "rows or dead letters are of no record; is the store one of a longer log?");
  none(found.stored_again, "rows were stored a second time, in this run or an earlier one");
  none(ledger.filtered, "records were filtered, and no stage does so: they were there already");
  if (all.returned > ledger.returned)
    wrong.push_back(grouped(all.returned) + " records were given back, and the ledger knows of "
                    + grouped(ledger.returned));
  // Rows that are new come from what was acknowledged, from the other member, and from records that were given back
  // when their row was on its way.
  const auto told = rows_before + ledger.acknowledged + all.elsewhere;
  if (told > found.rows)
    wrong.push_back(grouped(told - found.rows) + " rows were acknowledged and are not there");
  else if (found.rows - told > ledger.returned)
    wrong.push_back(grouped(found.rows - told) + " rows came from nowhere: only "
                    + grouped(ledger.returned) + " records were given back");
  return wrong;
}

int failed(const std::string& why) {
  std::cerr << "partitions: " << why << '\n';
  return weir::exit_codes::failed;
}

int run(const settings& chosen) {
  if (const auto usable = rows_in_store(chosen).check(); !usable)
    return failed(usable.error().message());
  const auto rows_before = rows_in(chosen.broker.store);
  if (!rows_before)
    return failed(rows_before.error().message());

  weir::node node{chosen.node}; // before the broker's thread: it takes over the signals
  const auto moves = std::make_shared<broker>(chosen.broker);
  if (const auto code = node.run(pipeline_of(chosen, moves)); code != weir::exit_codes::ok)
    return code;

  const auto all = print(moves->tallies());
  const auto found = audit_of(chosen.broker.store, chosen.dead_letters(), chosen.broker.records);
  if (!found)
    return failed(found.error().message());
  const auto ledger = ledger_in(chosen.node.report);
  if (!ledger)
    return failed(ledger.error().message());
  auto wrong = mistakes(*found, *ledger, all, *rows_before, moves->all_finished());
  if (const auto trouble = moves->trouble(); !trouble.empty())
    wrong.push_back("the other member failed: " + trouble);
  for (const auto& one : wrong)
    std::cerr << "partitions: " << one << '\n';
  if (!wrong.empty())
    return weir::exit_codes::failed;

  const auto late = found->rows - *rows_before - ledger->acknowledged - all.elsewhere;
  std::cout << '\n' << grouped(late) << " of the records that were returned had been stored";
  if (found->dead_letters_again > 0) // such a letter is stored before its position is
    std::cout << "; dead letters that came again: " << grouped(found->dead_letters_again);
  if (!moves->all_finished())
    std::cout << "; stopped early";
  std::cout << '\n'
            << grouped(chosen.broker.records) << " records: " << grouped(found->rows) << " rows, "
            << grouped(found->dead_letters)
            << (found->dead_letters == 1 ? " dead letter" : " dead letters") << ", each once; "
            << grouped(ledger->returned) << " returned, " << grouped(all.fenced)
            << " times fenced\n";
  return weir::exit_codes::ok;
}

} // namespace

int main(int argc, char** argv) {
  settings chosen;
  weir::configuration config{"partitions",
                             "Stores a log of six partitions, which change hands all the time."};
  config.option("records", chosen.broker.records, "Records of the log, in all.")
      .range(6, 100'000'000);
  config.option("seed", chosen.broker.seed, "Of the broker's moves.");
  config.option("moves", chosen.broker.moves, "How often a partition is taken away.");
  config.option("pause", chosen.broker.pause, "Between two of these moves.").range(1ms, 10s);
  config
      .option("store", chosen.broker.store, "Where rows and positions go; FILE.dead: dead letters.")
      .value_name("FILE");
  weir::declare(config, chosen.node);
  if (const auto outcome = config.parse(argc, argv); !outcome) {
    (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
    return outcome.exit_code();
  }
  if (chosen.node.report.empty())
    chosen.node.report = chosen.broker.store + ".report";
  return run(chosen);
}
