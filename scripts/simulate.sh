#!/usr/bin/env bash
# Runs whole pipelines in virtual time, with a schedule and faults drawn from seeds, and closes with a line
# `seeds N steps N faults N failures N`.
#   scripts/simulate.sh [--seeds N] [--from S] [--minutes M]    many seeds, on all cores
#   scripts/simulate.sh --seed S [...]                          one of them again, step by step
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -e build/dev/build.ninja ] || { scripts/setup.sh && cmake --preset dev; } >&2
cmake --build --preset dev --parallel "$(nproc)" --target simulate >&2
exec build/dev/tests/simulation/simulate "$@"
