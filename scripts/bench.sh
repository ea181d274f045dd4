#!/usr/bin/env bash
# Builds the benchmarks and what Weir is compared with, runs them in turn, prints tables of medians
# and closes with lines `ratio NAME VALUE`.
#   scripts/bench.sh           also capacities 64 and 4096, and an event of two strings
#   scripts/bench.sh --quick   without these (below 6 minutes, once built)
#   scripts/bench.sh --only in_hand --only workers   only these tables
# Further arguments go to bench/run.py (--help lists them).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
scripts/setup.sh --bench || echo "bench: Go could not be installed" >&2
cmake --preset release
cmake --build --preset release --parallel "$(nproc)" --target benches

for peer in go_channels go_pool; do
  rm -f "build/release/bench/$peer"
  if command -v go >/dev/null; then
    (cd "bench/peers/$peer" && go build -buildvcs=false -o "../../../build/release/bench/$peer" .)
  else
    echo "bench: no go on this machine" >&2
  fi
done
exec python3 bench/run.py "$@"
