#pragma once

#include <weir/connectors/http/client.hpp>
#include <weir/supervision/failure.hpp>

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

/// Calls that send and take JSON, for stages that need no more than that: the answer is a value, or a failure that says
/// what to do with the item. Who uses them includes <nlohmann/json.hpp>.
///
/// A status says what failure_of says. An answer that is no JSON, or nests deeper than json_depth_max, is transient: it
/// may be a proxy's. One without a body is null. What is said names method and host, and nothing of the item.
namespace weir::http {

/// 404 is poison.
boost::asio::awaitable<result<nlohmann::json>> json_get(const client& over,
                                                        std::string_view target);

/// 404 is nothing: what was looked for is not there.
boost::asio::awaitable<result<std::optional<nlohmann::json>>> json_find(const client& over,
                                                                        std::string_view target);

/// Poison for a body that has text in it which is no UTF-8.
boost::asio::awaitable<result<nlohmann::json>>
json_post(const client& over, std::string_view target, const nlohmann::json& body);

/// Any method, and headers.
boost::asio::awaitable<result<nlohmann::json>> json_ask(const client& over, request what);

} // namespace weir::http
