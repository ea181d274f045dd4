#!/usr/bin/env bash
# Puts each defect of tests/mutants/ into a copy of the sources, one at a time, and runs the simulator on it, which
# must find it. Closes with a line `caught N of N`.
#   scripts/mutants.sh [--seeds N] [NAME...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seeds=20000
if [ "${1:-}" = --seeds ]; then
  seeds=$2
  shift 2
fi
scripts/setup.sh >&2
copy=build/mutants
mkdir -p "$copy/tree"
git ls-files -z | while IFS= read -r -d '' file; do
  cmp -s "$file" "$copy/tree/$file" || cp --parents "$file" "$copy/tree"
done
(cd "$copy/tree" && cmake --preset dev -DWEIR_EXAMPLES=OFF -DWEIR_BENCH=OFF \
  -DWEIR_WARNINGS_AS_ERRORS=OFF -DCMAKE_CXX_FLAGS_DEBUG='-O0 -D_GLIBCXX_ASSERTIONS' \
  -DWEIR_SIMULATE_OPTIONS=-O0) >/dev/null
build() { cmake --build "$copy/tree/build/dev" --parallel "$(nproc)" --target simulate >"$copy/build.log" 2>&1; }
simulate="$copy/tree/build/dev/tests/simulation/simulate"

echo "without a defect:"
build || { cat "$copy/build.log"; exit 1; }
"$simulate" --seeds 2000 --no-shrink | tail -1

caught=0
all=0
for patch in tests/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  all=$((all + 1))
  printf '%-36s ' "$name"
  patch --quiet -p1 -d "$copy/tree" <"$patch" || { echo "the patch does not apply"; exit 1; }
  if ! build; then
    tail -20 "$copy/build.log"
    echo "it does not compile"
    exit 1
  fi
  if "$simulate" --seeds "$seeds" --failures 1 --no-shrink >"$copy/$name.log" 2>&1; then
    echo "NOT CAUGHT"
  else
    caught=$((caught + 1))
    grep -m 1 'FAILED' "$copy/$name.log" | cut -c 1-120
  fi
  patch --quiet -R -p1 -d "$copy/tree" <"$patch"
done
echo "caught $caught of $all"
[ "$caught" = "$all" ]
