#!/usr/bin/env bash
# bench.sh - figures of this machine, with their conditions and their targets.
#
#     scripts/bench.sh [FOLDER]
#
# QUICK=1 leaves out what needs 1,000,000 memories. The first run makes what the benchmarks share, in
# .cache/bench: sentences of the documentation on this machine, their vectors, databases of them; that takes
# long (the vectors of 125,000 sentences about ten minutes of a core, the largest database as long), later runs
# find it there. FOLDER holds the data sets that are not part of this project (the files of bench/ name
# them); without it the benchmarks that need them are left out, and said to be.
#
# Each benchmark can be run alone: bench/NAME.py with .cache/bench-venv/bin/python, or build/release/bench/bench_NAME.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MODEL=build/model/all-MiniLM-L6-v2.mdm
readonly BENCH=build/release/bench
readonly PYTHON=.cache/bench-venv/bin/python
data=${1:-}
sizes=(1000 10000 100000 1000000)
[ -z "${QUICK:-}" ] || sizes=(1000 10000 100000)

run() {
    printf '\n-- %s --\n' "$1"
    shift
    "$@"
}

script() {
    run "$1" "$PYTHON" "bench/$1.py" "${@:2}"
}

run_with_data() {
    if [ -n "$data" ]; then
        run "$@" "$data"
    else
        printf '\n-- %s: needs data; run make bench DATA=FOLDER --\n' "$1"
    fi
}

scripts/setup.sh bench
scripts/build.sh release >/dev/null
scripts/model.sh build/release/src/memoryd .cache/all-MiniLM-L6-v2 "$MODEL"
export MEMORYD=$PWD/build/release/src/memoryd MEMORYD_MODEL=$PWD/$MODEL

"$PYTHON" bench/data.py conditions
script data ${QUICK:+quick}
script peer_embed
script peer_vectors "${sizes[@]:2}"
script http_search
script http_tools
script http_store
script start
script access
script growth "${sizes[@]}"
run http "$BENCH/bench_http"
run embed "$BENCH/bench_embed" "$MODEL"
run_with_data stsb "$BENCH/bench_stsb" "$MODEL"
run_with_data search "$PYTHON" bench/search.py
printf '\nload average after %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
