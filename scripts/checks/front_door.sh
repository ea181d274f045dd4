#!/usr/bin/env bash
# <weir/weir.hpp> brings in neither CAF nor Asio nor nlohmann/json.hpp, and parses within a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p build/checks/include
ln -sfn "$PWD" build/checks/include/weir
source=build/checks/front_door.cpp
echo '#include <weir/weir.hpp>' >"$source"
compile=("${CXX:-g++}" -std=c++20 -Ibuild/checks/include)

"${compile[@]}" -M "$source" | tr -s '[:space:]\\' '\n' >build/checks/front_door.d
if grep -E '/(caf|boost)/|nlohmann/json\.hpp' build/checks/front_door.d; then
  echo "front door: weir.hpp must not bring in the above" >&2
  exit 1
fi

# Processor time, in ms: unlike the time that passes, it hardly depends on what else runs.
parse_time() {
  local TIMEFORMAT='%U %S'
  { time "${compile[@]}" -fsyntax-only "$source"; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}
for _ in 1 2 3 4 5; do parse_time; done | sort -n >build/checks/front_door.ms
median=$(sed -n 3p build/checks/front_door.ms)
limit=1000
[ -z "${CI:-}" ] || limit=3000 # such machines are slower, and shared
echo "front door: weir.hpp costs $median ms to parse (median of 5; at most $limit), $(grep -c . build/checks/front_door.d) files"
[ "$median" -le "$limit" ]
