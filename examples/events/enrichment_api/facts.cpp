#include "facts.hpp"

#include "stable_hash.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <nlohmann/json.hpp>

namespace enrichment_api {

namespace {

namespace ip = boost::asio::ip;

struct known_network {
  std::string_view prefix;
  std::string_view network_class;
};

// RFC 6890 and RFC 5737, as far as an address in a log is likely to come from there.
constexpr std::array known_networks_v4{
    known_network{"10.0.0.0/8", "private"},
    known_network{"172.16.0.0/12", "private"},
    known_network{"192.168.0.0/16", "private"},
    known_network{"100.64.0.0/10", "shared"},
    known_network{"127.0.0.0/8", "loopback"},
    known_network{"169.254.0.0/16", "link_local"},
    known_network{"192.0.2.0/24", "documentation"},
    known_network{"198.51.100.0/24", "documentation"},
    known_network{"203.0.113.0/24", "documentation"},
    known_network{"224.0.0.0/4", "multicast"},
};

// RFC 6890 and RFC 3849.
constexpr std::array known_networks_v6{
    known_network{"::1/128", "loopback"},   known_network{"fe80::/10", "link_local"},
    known_network{"fc00::/7", "private"},   known_network{"2001:db8::/32", "documentation"},
    known_network{"ff00::/8", "multicast"},
};

constexpr std::array<std::string_view, 16> countries{
    "AR", "AU", "BR", "CA", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "KE", "NL", "PL", "SE", "US"};

bool contains(const ip::network_v4& network, const ip::address_v4& address) {
  return ip::network_v4{address, network.prefix_length()}.canonical() == network;
}

bool contains(const ip::network_v6& network, const ip::address_v6& address) {
  return ip::network_v6{address, static_cast<unsigned short>(network.prefix_length())}.canonical()
         == network;
}

/// Sets `network` and `network_class`: a known network, or the usual smallest one that is routed.
void add_network(nlohmann::json& facts, const ip::address& address) {
  if (address.is_v4()) {
    for (const auto& [prefix, network_class] : known_networks_v4) {
      if (contains(ip::make_network_v4(prefix), address.to_v4())) {
        facts["network"] = prefix;
        facts["network_class"] = network_class;
        return;
      }
    }
    facts["network"] = ip::network_v4{address.to_v4(), 24}.canonical().to_string();
  } else {
    for (const auto& [prefix, network_class] : known_networks_v6) {
      if (contains(ip::make_network_v6(prefix), address.to_v6())) {
        facts["network"] = prefix;
        facts["network_class"] = network_class;
        return;
      }
    }
    facts["network"] = ip::network_v6{address.to_v6(), 48}.canonical().to_string();
  }
  facts["network_class"] = "public";
}

std::string reverse_name(const ip::address& address) {
  std::string name = address.to_string();
  std::replace_if(
      name.begin(), name.end(), [](char letter) { return letter == '.' || letter == ':'; }, '-');
  return "host-" + name + ".example";
}

} // namespace

nlohmann::json facts_about(const std::string& key) {
  const auto hash = stable_hash(key);
  nlohmann::json facts{
      {"key", key}, {"country", countries[hash % countries.size()]}, {"risk", (hash >> 32U) % 101}};

  boost::system::error_code not_an_address;
  const auto address = ip::make_address(key, not_an_address);
  if (not_an_address) {
    facts["kind"] = "key";
    return facts;
  }
  facts["kind"] = "ip";
  facts["reverse"] = reverse_name(address);
  facts["provider"] = 64496 + (hash >> 16U) % 16; // the AS numbers for documentation, RFC 5398
  add_network(facts, address);
  return facts;
}

} // namespace enrichment_api
