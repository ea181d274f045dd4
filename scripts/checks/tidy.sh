#!/usr/bin/env bash
# clang-tidy on the sources changed since a commit: scripts/checks/tidy.sh [BASE | --all]
# Without BASE: since this branch left origin/main, else since the commit before, else all.
# Stops after WEIR_TIDY_SECONDS (480) and says which files it did not reach, and at the end how many: that alone is
# no failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pinned=14

tidy=$(command -v "clang-tidy-$pinned" || command -v clang-tidy || true)
if [ -z "$tidy" ]; then
  echo "tidy: skipped: there is no clang-tidy" && exit 0
fi
major=$("$tidy" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$major" != "$pinned" ]; then
  echo "tidy: skipped: clang-tidy $pinned decides, this is $major" && exit 0
fi

git() { command git -c safe.directory="$PWD" "$@"; }
if ! git rev-parse --git-dir >/dev/null 2>&1; then
  echo "tidy: skipped: without git, nobody knows what changed" && exit 0
fi
head=$(git rev-parse -q --verify HEAD || true)
base=${1:-}
if [ -z "$base" ]; then
  base=$(git merge-base origin/main HEAD 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$head" ]; then
    base=$(git rev-parse -q --verify HEAD~1 || true)
  fi
fi
if [ -z "$base" ] || [ "$base" = --all ]; then
  mapfile -t changed < <(git ls-files -co --exclude-standard)
else
  mapfile -t changed < <(git diff --name-only --diff-filter=d "$base"; git ls-files -o --exclude-standard)
fi

# A compilation database without precompiled headers, which are GCC's, and without -Werror: the warnings
# are GCC's business, only .clang-tidy's checks count here.
cmake -S . -B build/tidy -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
  -DWEIR_CCACHE=OFF -DWEIR_WARNINGS_AS_ERRORS=OFF >/dev/null

# A changed header is looked at through the source beside it or, without one, through its test.
declare -A chosen=()
for file in "${changed[@]}"; do
  stem=$(basename "${file%.hpp}")
  case "$file" in
    tests/compile_fail/*) ;;
    *.cpp) [ ! -e "$file" ] || chosen[$file]=1 ;;
    *.hpp)
      for source in "${file%.hpp}.cpp" "tests/$(dirname "$file")/${stem}_test.cpp"; do
        if [ -e "$source" ]; then chosen[$source]=1 && break; fi
      done
      ;;
  esac
done
known=()
for file in "${!chosen[@]}"; do
  ! grep -qF "\"file\": \"$PWD/$file\"" build/tidy/compile_commands.json || known+=("$file")
done
if [ "${#known[@]}" -eq 0 ]; then
  echo "tidy: no source changed" && exit 0
fi

reached=build/tidy/reached # a line for each file that was looked at
: >"$reached"
export tidy reached deadline=$(($(date +%s) + ${WEIR_TIDY_SECONDS:-480}))
check() {
  local left=$((deadline - $(date +%s))) code=0
  if [ "$left" -le 0 ]; then
    echo "tidy: not reached: $1" && return 0
  fi
  timeout "$left" "$tidy" -p build/tidy --quiet "$1" 2>build/tidy/stderr.$$ || code=$?
  case $code in
    124) echo "tidy: not reached: $1" && return 0 ;;
    0) echo "tidy: ok: $1" ;;
    *) cat "build/tidy/stderr.$$" ;;
  esac
  echo "$1" >>"$reached"
  [ "$code" -eq 0 ]
}
export -f check
code=0
printf '%s\n' "${known[@]}" | sort | xargs -n 1 -P "$(nproc)" bash -c 'check "$1"' _ || code=1
looked_at=$(wc -l <"$reached")
echo "tidy: $looked_at of ${#known[@]} files looked at, $((${#known[@]} - looked_at)) NOT REACHED"
exit "$code"
