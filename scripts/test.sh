#!/usr/bin/env bash
# Set-up, build, all tests. Arguments go to ctest, for instance: scripts/test.sh -L mailbox
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
cmake --preset dev
cmake --build --preset dev --parallel "$(nproc)"
exec ctest --preset dev --parallel "$(nproc)" "$@"
