#pragma once

#include <weir/connectors/text_event.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace weir::http {

/// The events in the body of a request: see events. At most `most` + 1 of them, so that too many can be told.
std::vector<text_event> events_in(std::string_view body, std::string_view content_type,
                                  std::size_t most);

} // namespace weir::http
