#pragma once

/// Weir: supervised actor pipelines. This is the front door; a tour:
///
/// ```
/// #include <weir/weir.hpp>
///
/// struct reading { std::string sensor; double value; };
/// std::string weir_payload(const reading& one);            // how it is kept as a dead letter
///
/// weir::result<reading> parse(const std::string& line);     // returns weir::poison("…") for garbage
///
/// int main(int argc, char** argv) {
///   weir::pipeline readings{"readings"};
///   readings.from("lines", line_source{})                    // a source: stages/source.hpp
///       .via("parse", parse, {.workers = 2})                 // a stage: pipeline/flow.hpp
///       .batch("batch", {.size_max = 100, .delay_max = 50ms})
///       .to("store", store{});                               // a sink: stages/sink.hpp
///   readings.dead_letters_to(weir::dead_letters::memory{});
///   return weir::main(argc, argv, std::move(readings));      // signals, drain, report, exit code
/// }
/// ```
///
/// Every queue is bounded, and its free space is its producer's credit: a slow stage slows the source, and
/// nothing piles up. What fails is answered by value (weir::transient, weir::poison, weir::fatal) or thrown; a
/// worker that threw is replaced and its item run again; an item that keeps failing becomes a dead letter.
/// Awaitable stages need <weir/stages/awaitable.hpp>, options of your own <weir/node/configuration.hpp>; connectors
/// are in <weir/connectors/…>; supervision trees of your own are made with <weir/actors/supervisor.hpp>.
#include <weir/cli/main.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/node.hpp>
#include <weir/pipeline/pipeline.hpp>
