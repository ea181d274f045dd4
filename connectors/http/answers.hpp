#pragma once

#include <weir/connectors/http/admission.hpp>

#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

/// What the server behind the source answers.
namespace weir::http {

using answer = boost::beast::http::response<boost::beast::http::string_body>;

answer json(unsigned status, std::string body);

/// RFC 9457. The detail is ours and needs no escaping; `more` is further members.
answer problem(unsigned status, std::string_view detail, std::string_view more = "");
answer too_busy(std::string_view detail);
answer draining(std::string_view detail, std::string_view more = "");
answer wrong_method(std::string_view allowed);

/// What became of the events of an admitted request from `source`: the gravest of what is known.
answer answer_of(const admission::standing& now, std::string_view source);

} // namespace weir::http
