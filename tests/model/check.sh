#!/usr/bin/env bash
# Checks the model of the mailbox with spin (README.md): that the protocol holds in each configuration, and that
# each way of breaking it is found.
#
#   check.sh              both
#   check.sh --protocol   the first only
#   check.sh --mutants    the second only
#   check.sh --long       larger configurations (minutes, up to 4 GB), not part of CI
set -euo pipefail

model=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
memory=2000 # MB

# What is checked | spin flags. "safe": assertions and end states. "ends": assertions, and no cycle at all,
# without any fairness; with it every run comes to an end.
protocol='
safe | -DCRASHES=1 -DLEAVERS=1
safe | -DLEAVERS=3
safe | -DCAPACITY=1 -DCRASHES=2
safe | -DCHAIN -DCRASHES=1 -DLEAVERS=1
safe | -DCHAIN -DCAPACITY=1 -DITEMS_0=1 -DCRASHES=1 -DUNFOLDED
safe | -DCAPACITY=1 -DITEMS_1=1 -DLEAVERS=1 -DUNFOLDED
ends | -DCAPACITY=4
ends | -DWANTED=2
ends | -DCAPACITY=1 -DCRASHES=1
ends | -DCHAIN -DCRASHES=1
'

long='
safe | -DCRASHES=2 -DLEAVERS=1
safe | -DCAPACITY=1 -DCRASHES=2 -DLEAVERS=3
safe | -DCAPACITY=1 -DITEMS_1=1 -DCRASHES=1 -DLEAVERS=1 -DUNFOLDED
safe | -DCHAIN -DCAPACITY=1 -DCRASHES=1 -DLEAVERS=1 -DUNFOLDED
safe | -DCAPACITY=4 -DCRASHES=1
ends | -DCRASHES=1 -DLEAVERS=1
ends | -DCHAIN -DCRASHES=2 -DLEAVERS=1
'

# How it is broken | what is checked | spin flags | what must be found.
mutants='
CONSUMER_DOES_NOT_LOOK_AGAIN       | safe | | wake-up
PRODUCER_DOES_NOT_LOOK_AGAIN       | safe | | wake-up
ANNOUNCED_ON_ONE_RING              | safe | | wake-up
PUBLISHED_AFTER_WAKE               | safe | | wake-up
RELEASED_AFTER_WAKE                | safe | | wake-up
CLOSE_WAKES_NOBODY                 | safe | | wake-up
CANCEL_WAKES_ONLY_FOR_CREDIT       | safe | -DCHAIN -DLEAVERS=1 | wake-up
THRESHOLD_NEVER_REACHED            | safe | | wake-up
THRESHOLD_MET_EXACTLY              | safe | | wake-up
SCHEDULED_CLEARED_LATE             | safe | | wake-up
RESTART_ONLY_WAKES                 | safe | -DCRASHES=1 | wake-up
RESTART_POSTS_FIRST                | safe | -DCRASHES=1 | wake-up
CRASH_BETWEEN_PUBLISH_AND_WAKE     | safe | -DCRASHES=1 | wake-up
CRASH_BETWEEN_PUBLISH_AND_RELEASE  | safe | -DCHAIN -DCRASHES=1 | order
RELEASED_BEFORE_COMMIT             | safe | -DCRASHES=1 | order
OUTPUT_BEFORE_COMMIT               | safe | -DCRASHES=1 | order
NOTHING_ROLLED_BACK                | safe | -DCRASHES=1 | overrun
CREDIT_OFF_BY_ONE                  | safe | | overrun
EMPTINESS_BEFORE_CLOSED            | safe | -DCAPACITY=1 -DUNFOLDED | books
CONSUMER_COUNTS_WHAT_IS_LEFT       | safe | -DLEAVERS=1 | books
SECOND_LOOK_IGNORES_WANTED         | ends | -DWANTED=2 | cycle
DRAINED_RINGS_ASKED                | ends | | cycle
'

# verify safe|ends FLAGS...: pan's report in $work/report
verify() {
  local property=$1 define=(-DSAFETY) option=()
  shift
  [ "$property" = safe ] || { define=(-DNP) option=(-l); }
  rm -rf "$work/run"
  mkdir "$work/run"
  cp "$model"/*.pml "$work/run"
  (
    cd "$work/run"
    spin -a "$@" mailbox.pml
    gcc -w -O1 "${define[@]}" -DMEMLIM="$memory" -o pan pan.c
    ./pan -b -m20000 -w23 "${option[@]}"
  ) >"$work/report" 2>&1 || true
}

figure() { sed -n "s/$1/\\1/p" "$work/report" | head -1; }

check_protocol() {
  local property flags
  while IFS='|' read -r property flags; do
    [ -n "$property" ] || continue
    # shellcheck disable=SC2086 # words
    verify $property $flags
    printf '%s %-58s %10s states  %s s  errors: %s\n' $property "$(echo $flags)" \
      "$(figure ' *\([0-9.e+]*\) states, stored.*')" "$(figure 'pan: elapsed time \([0-9.]*\) .*')" \
      "$(figure '.*errors: \([0-9]*\)$')"
    if ! grep -q 'errors: 0$' "$work/report" || grep -q 'Search not completed' "$work/report"; then
      cat "$work/report"
      failed=1
    fi
  done <<<"$1"
}

# What pan's message is about.
finding() {
  case $(grep -m1 '^pan:1:' "$work/report") in
    *non-progress*) echo cycle ;;
    *returned*) echo books ;;
    *'slot['*received*) echo order ;;
    *'slot['*'==0)'*) echo overrun ;;
    *asleep*) echo wake-up ;;
    *'invalid end state'*) echo deadlock ;;
    *) echo nothing ;;
  esac
}

check_mutants() {
  local mutant property flags expected found
  while IFS='|' read -r mutant property flags expected; do
    [ -n "$mutant" ] || continue
    expected=${expected// /}
    # shellcheck disable=SC2086 # words
    verify $property -D$mutant $flags
    found=$(finding)
    if [ "$found" = "$expected" ]; then
      printf '%-35s found: %s\n' $mutant "$found"
    else
      printf '%-35s FOUND: %s, EXPECTED: %s\n' $mutant "$found" "$expected"
      cat "$work/report"
      failed=1
    fi
  done <<<"$1"
}

case ${1:-both} in
  both) check_protocol "$protocol"; check_mutants "$mutants" ;;
  --protocol) check_protocol "$protocol" ;;
  --mutants) check_mutants "$mutants" ;;
  --long) memory=4000; check_protocol "$long" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
exit "$failed"
