#!/usr/bin/env bash
# bench.sh - figures of this machine, with their conditions.
#
#     scripts/bench.sh [FOLDER]
#
# FOLDER holds the data sets that are not part of this project (the files of bench/ name them); without it
# the benchmarks that need them are left out, and said to be.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MODEL=build/model/all-MiniLM-L6-v2.mdm
readonly BENCH=build/release/bench
data=${1:-}

run() {
    printf '\n-- %s --\n' "$(basename "$1")"
    "$@"
}

run_with_data() {
    if [ -n "$data" ]; then
        run "$@" "$data"
    else
        printf '\n-- %s: needs data; run make bench DATA=FOLDER --\n' "$(basename "$1")"
    fi
}

scripts/setup.sh test
scripts/build.sh release >/dev/null
scripts/model.sh build/release/src/memoryd .cache/all-MiniLM-L6-v2 "$MODEL"
printf '%s, %s cores, %s\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
    "$(git describe --always --dirty 2>/dev/null || echo 'no git')"
run "$BENCH/bench_http"
run "$BENCH/bench_embed" "$MODEL"
run_with_data "$BENCH/bench_stsb" "$MODEL"
MEMORYD=build/release/src/memoryd MEMORYD_MODEL=$MODEL run_with_data bench/search.py
