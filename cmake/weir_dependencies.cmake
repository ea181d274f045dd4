# Third parties, in the versions the code was written against. scripts/setup.sh installs them all.

find_package(Threads REQUIRED)
find_package(CAF 0.17.6...<0.18 MODULE REQUIRED COMPONENTS core)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL 7.85 REQUIRED)
find_package(nlohmann_json 3.10 CONFIG REQUIRED)
find_package(spdlog 1.10 CONFIG REQUIRED)
find_package(CLI11 2.1 CONFIG REQUIRED)

# Only headers are used (Asio, Beast), so only the headers' own package is asked for.
find_package(boost_headers 1.81 CONFIG QUIET)
if(NOT boost_headers_FOUND)
  message(FATAL_ERROR
    "Boost 1.81 or later is needed (awaitable stages use Asio as of 1.81); found: "
    "${boost_headers_CONSIDERED_VERSIONS}\n"
    "Debian 12: apt-get install libboost1.81-dev. Debian 13: apt-get install libboost-dev. "
    "Or run scripts/setup.sh.")
endif()
