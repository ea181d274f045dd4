#!/usr/bin/env bash
# Is everything formatted as .clang-format says? With --fix: make it so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pinned=14

formatter=$(command -v "clang-format-$pinned" || command -v clang-format || true)
if [ -z "$formatter" ]; then
  echo "format: skipped: there is no clang-format" && exit 77
fi
major=$("$formatter" --version | sed 's/.*version \([0-9]*\).*/\1/')
if [ "$major" != "$pinned" ]; then
  echo "format: skipped: clang-format $pinned decides, this is $major" && exit 77
fi

mode=(--dry-run -Werror)
[ "${1:-}" != --fix ] || mode=(-i)
find . \( -path ./build -o -path './.*' \) -prune -o -name '*.[hc]pp' -print0 |
  xargs -0 -r "$formatter" "${mode[@]}"
echo "format: as it should be"
