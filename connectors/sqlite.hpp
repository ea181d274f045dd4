#pragma once

/// SQLite: weir::sqlite::insert is a sink, weir::sqlite::positions a store of positions, weir::dead_letters::sqlite one
/// of dead letters.
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/insert.hpp>
#include <weir/connectors/sqlite/positions.hpp>
