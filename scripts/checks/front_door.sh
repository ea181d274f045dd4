#!/usr/bin/env bash
# What <weir/weir.hpp> brings in: neither CAF nor Asio nor nlohmann/json.hpp, and no more than the bounds below say.
# With --names: prints the names that it shows, instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Counts of what somebody who includes it gets; a little above what is, so that growth is noticed. Lower is better.
headers_max=125     # of ours
lines_max=10550      # of ours
standard_max=33     # different headers of the standard library and the system that ours name
names_max=123       # in namespace weir that a user can see, however they came in: the aim is 60
# All lines that the compiler parses. This depends on its library, so it holds for the compiler it was counted with.
parsed_max=107000
parsed_with=12      # GCC's major version

mkdir -p build/checks/include
ln -sfn "$PWD" build/checks/include/weir
source=build/checks/front_door.cpp
echo '#include <weir/weir.hpp>' >"$source"
compile=("${CXX:-g++}" -std=c++20 -Ibuild/checks/include)

"${compile[@]}" -E "$source" >build/checks/front_door.ii
if [ "${1:-}" = --names ]; then
  exec scripts/checks/names.py weir include/weir/ <build/checks/front_door.ii
fi

"${compile[@]}" -M "$source" | tr -s '[:space:]\\' '\n' >build/checks/front_door.d
if grep -E '/(caf|boost)/|nlohmann/json\.hpp' build/checks/front_door.d; then
  echo "front door: weir.hpp must not bring in the above" >&2
  exit 1
fi

mapfile -t ours < <(grep 'include/weir/' build/checks/front_door.d)
code=0
# at_most WHAT COUNT BOUND
at_most() {
  local verdict=""
  [ "$2" -le "$3" ] || { verdict="   TOO MANY" && code=1; }
  printf '  %7d  of %7d  %s%s\n' "$2" "$3" "$1" "$verdict"
}
echo "front door: weir.hpp brings in"
at_most "headers of ours" "${#ours[@]}" "$headers_max"
at_most "lines in them" "$(cat "${ours[@]}" | wc -l)" "$lines_max"
at_most "headers that they name of the standard library and the system" \
  "$(cat "${ours[@]}" | sed -nE 's/^ *# *include *<([^>]*)>.*/\1/p' | grep -v '^weir/' | sort -u | wc -l)" "$standard_max"
at_most "names that it shows in namespace weir (--names lists them)" \
  "$(scripts/checks/names.py weir include/weir/ <build/checks/front_door.ii | wc -l)" "$names_max"
parsed=$(wc -l <build/checks/front_door.ii)
if [ "$("${compile[@]}" -dumpversion | cut -d. -f1)" = "$parsed_with" ] && "${compile[@]}" --version | grep -q 'Free Software'; then
  at_most "lines that are parsed" "$parsed" "$parsed_max"
else
  printf '  %7d  %s\n' "$parsed" "lines that are parsed (bounded with GCC $parsed_with only)"
fi
exit "$code"
