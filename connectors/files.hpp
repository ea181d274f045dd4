#pragma once

/// Files as sources: weir::files::lines.
#include <weir/connectors/files/lines.hpp>
