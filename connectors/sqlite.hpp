#pragma once

/// SQLite: weir::sqlite::insert is a sink, weir::dead_letters::sqlite a store of dead letters.
#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/insert.hpp>
