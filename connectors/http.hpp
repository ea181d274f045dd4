#pragma once

/// HTTP: weir::http::events is a source, weir::http::client asks others.
#include <weir/connectors/http/client.hpp>
#include <weir/connectors/http/source.hpp>
