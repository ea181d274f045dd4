#!/usr/bin/env bash
# Set-up, release build, and the main job: events go through parse, enrich and batch into a database.
#   scripts/demo.sh                      the sample in the repository, with the bundled REST API
#   scripts/demo.sh --input FILE ...     your file; arguments go to `events` (--help lists them)
#   scripts/demo.sh --config FILE ...    what your configuration says, and nothing else
# What the arguments leave open (--enrich, --store, --dead-letters, --report) gets a default, without --config: the
# bundled API, and a fresh directory under build/demo. Exits with what `events` exits with.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs="$root/build/release/examples/events"

(
  cd "$root"
  scripts/setup.sh
  said=$(cmake --preset release 2>&1) || { echo "$said"; exit 1; }
  cmake --build --preset release --parallel "$(nproc)" --target events enrichment_api
) </dev/null >&2
mkdir -p "$root/build/demo"
results=$(mktemp -d "$root/build/demo/$(date +%Y%m%d-%H%M%S)-XXXX")

given=("$@")
named() { # is option $1 among the arguments, or in the environment?
  local argument variable=${1#--}
  variable=${variable//-/_}
  variable=EVENTS_${variable^^}
  [ -z "${!variable+set}" ] || return 0
  for argument in ${given[@]+"${given[@]}"}; do
    case "$argument" in "$1" | "$1"=*) return 0 ;; esac
  done
  return 1
}
default() { # adds option $1 with value $2 unless it was given
  named --config || named "$1" || arguments+=("$1" "$2") # a flag would win over the configuration
}

# A session of its own: a terminal's Ctrl-C or `timeout` signals the whole group, and would reach the
# program a second time beside the signal forwarded below, and a second signal means abort.
# Should this script be killed outright, the program drains.
apart() { exec setsid setpriv --pdeathsig TERM -- "$@"; }

api=
stop_api() {
  [ -z "$api" ] || { kill "$api" 2>/dev/null || true; wait "$api" 2>/dev/null || true; }
}
trap stop_api EXIT

start_api() { # sets $port
  apart "$programs/enrichment_api/enrichment_api" --listen 127.0.0.1:0 --rate 500 --burst 50 \
    --port-file "$results/api.port" >"$results/api.log" 2>&1 </dev/null &
  api=$!
  local deadline=$((SECONDS + 20))
  until [ -s "$results/api.port" ]; do
    if ! kill -0 "$api" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      echo "demo: the bundled API did not start:" >&2
      cat "$results/api.log" >&2
      exit 1
    fi
    sleep 0.05
  done
  port=$(<"$results/api.port")
}

arguments=()
named --listen || default --input "$root/examples/events/sample.jsonl"
if ! named --config && ! named --enrich; then
  start_api
  arguments+=(--enrich "http://127.0.0.1:$port/lookup")
  default --rate 500
fi
default --store "sqlite:$results/events.db"
default --dead-letters "$results/dead.db"
default --report "$results/report.json"

apart "$programs/events" "${arguments[@]}" "$@" <&0 &
events=$!
forward() {
  signalled=1
  kill "-$1" "$events" 2>/dev/null || true
}
trap 'forward INT' INT
trap 'forward TERM' TERM HUP
signalled=1
while [ "$signalled" -eq 1 ]; do # a signal interrupts `wait`
  signalled=0
  code=0
  wait "$events" || code=$?
done

show() { # $1: database, $2: title, $3: query
  [ ! -s "$results/$1" ] || { printf '\n%s\n' "$2"; sqlite3 -readonly -header -column "$results/$1" "$3" || true; }
}
show events.db "Some of the rows stored:" \
  "select id, substr(data, 1, 40) as data, substr(enrichment, 1, 40) as enrichment from events limit 3"
show dead.db "Some of the dead letters:" \
  "select stage, position, substr(cause, 1, 70) as cause from dead_letters order by position limit 5"
rmdir "$results" 2>/dev/null || printf '\nResults: %s\n' "$results" # empty if all went elsewhere
exit "$code"
