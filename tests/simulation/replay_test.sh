#!/usr/bin/env bash
# replay_test.sh SIMULATE: a seed's trace is the same each time, another seed's is another, and what is asked for
# wrongly is refused.
set -euo pipefail
simulate=$1
fail() {
  echo "replay_test: $1" >&2
  exit 1
}

for seed in 3 68 641; do
  [ "$("$simulate" --seed $seed)" = "$("$simulate" --seed $seed)" ] || fail "seed $seed differs from itself"
done
[ "$("$simulate" --seed 3)" != "$("$simulate" --seed 4)" ] || fail "seeds 3 and 4 are the same"
[[ $("$simulate" --seed 3) == *$'\nlife 1\n'* ]] || fail "there is no readable trace"
[ "$("$simulate" --seed 3 --items 2)" != "$("$simulate" --seed 3)" ] || fail "--items changes nothing"
[[ $("$simulate" --help) == "usage: simulate"* ]] || fail "--help says nothing"
for wrong in "--seed x" "--without no_such_fault" "--frobnicate 1" "--seeds" "--seeds 0"; do
  # shellcheck disable=SC2086
  if "$simulate" $wrong >/dev/null 2>&1; then fail "'$wrong' was taken"; fi
done
