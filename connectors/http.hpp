#pragma once

/// HTTP: weir::http::events is a source, weir::http::client asks others, weir::http::json_get and its like do so in JSON.
#include <weir/connectors/http/answer_failure.hpp>
#include <weir/connectors/http/client.hpp>
#include <weir/connectors/http/json_calls.hpp>
#include <weir/connectors/http/source.hpp>
