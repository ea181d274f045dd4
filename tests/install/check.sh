#!/usr/bin/env bash
# check.sh BUILD_DIR: does a program outside this tree build against what `cmake --install` installs, and
# does each public header compile alone there?
set -euo pipefail
build=$1
consumer="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/consumer"
work="$build/tests/install"
rm -rf "$work/prefix" "$work/consumer"

cmake --install "$build" --prefix "$work/prefix" >/dev/null
cmake -S "$consumer" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/consumer"
"$work/consumer/consumer"
