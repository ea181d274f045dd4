#!/usr/bin/env bash
# Checks the model of the mailbox with spin (README.md): that the protocol holds in each
# configuration, and that each way of breaking it is found.
#
#   check.sh              both
#   check.sh --protocol   the first only
#   check.sh --mutants    the second only
#   check.sh --long       larger configurations (5 minutes of processor time, 3 GB)
set -euo pipefail

model=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
memory=2000 # MB
optimize=-O1

# What is checked | spin flags. "safe": assertions and end states. "ends": assertions, and no cycle
# in the state graph, so that every run comes to its end, whoever is scheduled.
protocol='
safe | -DCRASHES=1
safe | -DLEAVERS=3
safe | -DITEMS_1=1 -DCRASHES=1 -DLEAVERS=1
safe | -DCAPACITY=1 -DCRASHES=2
safe | -DRESTART_IN_PLACE -DCRASHES=1
safe | -DRESTART_IN_PLACE -DCHAIN -DCAPACITY=1 -DCRASHES=1 -DLEAVERS=1
safe | -DUNFOLDED -DCAPACITY=1 -DITEMS_1=1 -DLEAVERS=1
safe | -DUNFOLDED -DCHAIN -DCAPACITY=1 -DITEMS_0=1 -DCRASHES=1
ends | -DCAPACITY=1 -DITEMS_1=1 -DCRASHES=1
ends | -DCAPACITY=4 -DITEMS_1=1
ends | -DWANTED=2
ends | -DCHAIN -DCAPACITY=1 -DCRASHES=1
'

long='
safe | -DCRASHES=2 -DLEAVERS=1
safe | -DCAPACITY=1 -DCRASHES=2 -DLEAVERS=2
safe | -DCAPACITY=4 -DITEMS_1=1 -DCRASHES=1
safe | -DCHAIN -DCRASHES=2 -DLEAVERS=1
safe | -DRESTART_IN_PLACE -DCRASHES=2
safe | -DRESTART_IN_PLACE -DCHAIN -DCRASHES=2 -DLEAVERS=1
safe | -DUNFOLDED -DCAPACITY=1 -DITEMS_1=1 -DCRASHES=1 -DLEAVERS=1
safe | -DUNFOLDED -DCHAIN -DCAPACITY=1 -DCRASHES=1 -DLEAVERS=1
safe | -DUNFOLDED -DRESTART_IN_PLACE -DCHAIN -DCAPACITY=1 -DCRASHES=1
ends | -DCRASHES=1
ends | -DLEAVERS=3
ends | -DRESTART_IN_PLACE -DCHAIN -DCRASHES=1 -DLEAVERS=1
'

# How it is broken | what is checked | spin flags | what must be found.
mutants='
CONSUMER_DOES_NOT_LOOK_AGAIN      | safe |                              | wake-up
PRODUCER_DOES_NOT_LOOK_AGAIN      | safe |                              | wake-up
ANNOUNCED_ON_ONE_RING             | safe |                              | wake-up
PUBLISHED_AFTER_WAKE              | safe |                              | wake-up
RELEASED_AFTER_WAKE               | safe |                              | wake-up
CLOSE_WAKES_NOBODY                | safe |                              | wake-up
CANCEL_WAKES_ONLY_FOR_CREDIT      | safe | -DCHAIN -DLEAVERS=1          | wake-up
THRESHOLD_NEVER_REACHED           | safe |                              | wake-up
THRESHOLD_MET_EXACTLY             | safe |                              | wake-up
SCHEDULED_CLEARED_LATE            | safe |                              | wake-up
RESTART_ONLY_WAKES                | safe | -DCAPACITY=1 -DCRASHES=1     | wake-up
RESTART_POSTS_FIRST               | safe | -DCAPACITY=1 -DCRASHES=1     | wake-up
RESTART_WAKES_FIRST               | safe | -DRESTART_IN_PLACE -DCAPACITY=1 -DCRASHES=1 | wake-up
CRASH_BETWEEN_PUBLISH_AND_WAKE    | safe | -DCAPACITY=1 -DCRASHES=1     | wake-up
CRASH_BETWEEN_PUBLISH_AND_RELEASE | safe | -DCHAIN -DCRASHES=1          | order
RELEASED_BEFORE_COMMIT            | safe | -DCAPACITY=1 -DCRASHES=1     | order
OUTPUT_BEFORE_COMMIT              | safe | -DCAPACITY=1 -DCRASHES=1     | order
NOTHING_ROLLED_BACK               | safe | -DCAPACITY=1 -DCRASHES=1     | overrun
CREDIT_OFF_BY_ONE                 | safe |                              | overrun
EMPTINESS_BEFORE_CLOSED           | safe | -DUNFOLDED -DCAPACITY=1      | books
CONSUMER_COUNTS_WHAT_IS_LEFT      | safe | -DLEAVERS=1                  | books
SECOND_LOOK_IGNORES_WANTED        | ends | -DWANTED=2                   | cycle
DRAINED_RINGS_ASKED               | ends |                              | cycle
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
    gcc -w "$optimize" "${define[@]}" -DMEMLIM="$memory" -o pan pan.c
    ./pan -b -m20000 -w23 "${option[@]}"
  ) >"$work/report" 2>&1 || true
}

figure() { sed -n "s/$1/\\1/p" "$work/report" | head -1; }

check_protocol() {
  local property flags
  while IFS='|' read -r property flags; do
    [ -n "$property" ] || continue
    # shellcheck disable=SC2086 # the flags are words
    verify "${property// /}" $flags
    printf '%s %-72s %9s states %5s s  errors: %s\n' "${property// /}" "${flags# }" \
      "$(figure ' *\([0-9.e+]*\) states, stored.*')" \
      "$(figure 'pan: elapsed time \([0-9.]*\) .*')" "$(figure '.*errors: \([0-9]*\)$')"
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
    *returned* | *left_early*) echo books ;;
    *'slot['*received*) echo order ;;
    *'slot['*'==0)'*) echo overrun ;;
    *asleep* | *ordered*) echo wake-up ;;
    *'invalid end state'*) echo deadlock ;;
    *) echo nothing ;;
  esac
}

check_mutants() {
  local mutant property flags expected found optimize=-O0 # each is found after a few states
  while IFS='|' read -r mutant property flags expected; do
    [ -n "$mutant" ] || continue
    # shellcheck disable=SC2086 # the flags are words
    verify "${property// /}" "-D${mutant// /}" $flags
    found=$(finding)
    if [ "$found" = "${expected// /}" ]; then
      printf '%s found: %s\n' "$mutant" "$found"
    else
      printf '%s FOUND: %s, EXPECTED: %s\n' "$mutant" "$found" "${expected// /}"
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
  *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
exit "$failed"
