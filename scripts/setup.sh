#!/usr/bin/env bash
# Installs what Weir is built with, from a bare Debian 12 or 13, as root or with sudo.
# Run it as often as you like: with everything there it only looks, and touches no network.
#   scripts/setup.sh [--bench]    --bench: also what the benchmarks are compared with (Go)
set -euo pipefail

packages=(
  build-essential g++ cmake ninja-build ccache git python3 gzip ca-certificates
  libcaf-dev nlohmann-json3-dev libspdlog-dev libcli11-dev zlib1g-dev libsqlite3-dev sqlite3
  libcurl4-openssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev patch spin clang-format clang-tidy
)
# Clang 16 or later builds the tests under AddressSanitizer in half of GCC's time. Debian 12's default is 14.
if grep -qs '^VERSION_ID="12"' /etc/os-release; then
  packages+=(clang-16 libclang-rt-16-dev)
else
  packages+=(clang libclang-rt-dev)
fi
case "${1:-}" in
  '') ;;
  --bench) command -v go >/dev/null || packages+=(golang-go) ;;
  *) echo "usage: scripts/setup.sh [--bench]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "setup: not a Debian; what is needed has these names there:" >&2
  echo "  ${packages[*]} libboost-dev (1.81 or later)" >&2
  exit 0
fi

# Prints those of the given packages that are not installed.
missing() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qx "installed $package" <<<"$installed" || echo "$package"
  done
}

# Awaitable stages need Asio as of Boost 1.81; Debian 12's default is 1.74.
boost_is_recent() {
  local version
  version=$(sed -n 's/^#define BOOST_VERSION \([0-9]*\).*/\1/p' /usr/include/boost/version.hpp 2>/dev/null) || return 1
  [ "${version:-0}" -ge 108100 ]
}

mapfile -t wanted < <(missing "${packages[@]}")
if [ "${#wanted[@]}" -eq 0 ] && boost_is_recent; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: run this as root, or install sudo; missing: ${wanted[*]} libboost-dev (1.81 or later)" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

apt update
if ! boost_is_recent; then
  candidate=$(apt-cache policy libboost-dev | sed -n 's/^ *Candidate: //p')
  if dpkg --compare-versions "$candidate" ge 1.81; then
    wanted+=(libboost-dev)
  else
    wanted+=(libboost1.81-dev)
  fi
fi
echo "setup: installing ${wanted[*]}"
apt install -y --no-install-recommends "${wanted[@]}" </dev/null
