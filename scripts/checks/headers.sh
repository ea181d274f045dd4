#!/usr/bin/env bash
# Every header compiles alone, without warnings. Headers given as arguments, or all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=build/checks/headers
mkdir -p build/checks/include "$work"
ln -sfn "$PWD" build/checks/include/weir

compile_alone() {
  local header=$1 source
  source="build/checks/headers/${header//\//.}.cpp"
  # Written once: ccache then answers for a header that did not change.
  [ -e "$source" ] || printf '#include <weir/%s>\n' "$header" >"$source"
  # shellcheck disable=SC2086 # $launcher is nothing or one word
  $launcher "${CXX:-g++}" -std=c++20 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
    -Ibuild/checks/include -c "$source" -o "${source%.cpp}.o" || { echo "does not compile alone: $header" >&2; return 1; }
}
export -f compile_alone
launcher=$(command -v ccache || true)
export launcher

if [ $# -eq 0 ]; then
  mapfile -t headers < <(find . \( -path ./build -o -path './.*' \) -prune -o -name '*.hpp' -printf '%P\n' | sort)
  set -- "${headers[@]}"
fi
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'compile_alone "$1"' _
echo "headers: $# compile alone"
