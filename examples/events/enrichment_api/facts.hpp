#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace enrichment_api {

/// Facts about an IP address, or about any other key. The network and its class are true; country, provider,
/// name and risk are invented, always the same for the same key.
nlohmann::json facts_about(const std::string& key);

} // namespace enrichment_api
