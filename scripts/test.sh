#!/usr/bin/env bash
# test.sh - every test, in phases; the last line is the sum, "N passed, N failed".
#
#     scripts/test.sh [PHASE...]
#
# The release build and the model come first, since most phases need them; the others run on two lanes
# side by side, each in the order below. Phases that are named run one after the other. Each writes
# build/test/PHASE.log and its two counts; a failing one shows the end of its log.
#
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly OUT=build/test
readonly LANE_1=(debug unit fuzz e2e conformance)
readonly LANE_2=(format clang tidy asan tsan)
readonly RELEASE=$PWD/build/release/src/memoryd
readonly MODEL=$PWD/build/model/all-MiniLM-L6-v2.mdm

cores=$(nproc)
export JOBS=$((cores > 3 ? cores / 2 : 2))

# -- what phases are made of ---------------------------------------------------------------------

# count PASSED FAILED: what this phase adds to the sum; without them nothing was counted.
count() { printf '%s %s\n' "${1:-0}" "${2:-0}" >"$OUT/$PHASE.count"; }

# A build counts as one.
build() { scripts/build.sh "$@" && count 1 0; }

# meson_tests KIND [OPTION...]: tests of a finished build, counted by what each program prints.
meson_tests() {
    local kind=$1 status=0
    shift

    MESON_TESTTHREADS=$JOBS meson test -C "build/$kind" --no-rebuild --print-errorlogs \
        --logbase "$PHASE" "$@" || status=1
    # shellcheck disable=SC2046 # two words
    count $(scripts/count_tests.py "build/$kind/meson-logs/$PHASE.json")
    return $status
}

# counted COMMAND...: the last "N passed, N failed" of what it prints is the count.
counted() {
    local status=0

    "$@" 2>&1 | tee "$OUT/$PHASE.out" || status=1
    # shellcheck disable=SC2046 # two words
    count $(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$OUT/$PHASE.out" | tail -n 1)
    return $status
}

e2e() {
    MEMORYD="$1" MEMORYD_MODEL="$MODEL" .cache/venv/bin/python tests/e2e/run.py "${@:2}"
}

# -- phases ----------------------------------------------------------------------------------------

phase_format() {
    local n_files n_bad

    git ls-files -co --exclude-standard '*.c' '*.h' | sort -u >"$OUT/format.files"
    xargs clang-format --dry-run -Werror <"$OUT/format.files" 2>&1 |
        sed -n 's/^\([^:]*\):[0-9]*:.*error:.*/\1 (make format puts it right)/p' | sort -u |
        tee "$OUT/format.bad"
    n_files=$(wc -l <"$OUT/format.files") n_bad=$(wc -l <"$OUT/format.bad")
    count $((n_files - n_bad)) "$n_bad"
}

phase_debug() { build debug; }
phase_unit() { meson_tests debug --suite unit; }
phase_fuzz() { meson_tests debug --suite fuzz; }

phase_release() {
    scripts/build.sh release src/memoryd && scripts/model.sh "$RELEASE" .cache/all-MiniLM-L6-v2 "$MODEL" &&
        count 1 0
}

phase_e2e() { counted e2e "$RELEASE"; }
phase_conformance() {
    counted .cache/venv/bin/python tests/conformance/run.py build/debug/tests/conformance/conformance_fixture "$RELEASE" "$MODEL" \
        "$OUT/conformance"
}

phase_clang() { build clang; }
phase_tidy() { counted scripts/tidy.py build/clang; }

# A sanitizer's finding must fail the test, whatever the program does with its own errors.
phase_asan() {
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    sanitized asan --suite unit --suite fuzz
}

phase_tsan() {
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    sanitized tsan --suite unit
}

# Unit tests and the short end-to-end tests with a sanitizer.
sanitized() {
    local kind=$1 status=0 passed failed n m

    scripts/build.sh "$kind" || return 1
    meson_tests "$kind" -t 5 "${@:2}" || status=1
    read -r passed failed <"$OUT/$PHASE.count"
    counted e2e "$PWD/build/$kind/src/memoryd" --smoke || status=1
    read -r n m <"$OUT/$PHASE.count"
    count $((passed + n)) $((failed + m))
    return $status
}

# -- running them ------------------------------------------------------------------------------------

# Runs one phase with its log aside, prints one line, keeps "PASSED FAILED" with at least one failure
# if it failed.
run_phase() {
    local status=ok passed=0 failed=0 start=$SECONDS

    PHASE=$1
    rm -f "$OUT/$PHASE".*
    ("phase_$PHASE") >"$OUT/$PHASE.log" 2>&1 </dev/null || status=FAILED
    [ ! -f "$OUT/$PHASE.count" ] || read -r passed failed <"$OUT/$PHASE.count"
    [ "$status" = ok ] || [ "$failed" -gt 0 ] || failed=1
    [ "$failed" = 0 ] || status=FAILED
    printf '%s %s\n' "$passed" "$failed" >"$OUT/$PHASE.count"
    printf '%-6s %-12s %5d passed, %d failed, %d s\n' "$status" "$PHASE" "$passed" "$failed" \
        $((SECONDS - start))
}

run_lane() {
    for phase in "$@"; do run_phase "$phase"; done
}

# The end of each failing log, without what passed; each line is marked, so that none reads like the sum.
show_failures() {
    local phase passed failed

    for phase in "$@"; do
        read -r passed failed <"$OUT/$phase.count"
        [ "$failed" -gt 0 ] || continue
        printf '\n-- %s (%s) --\n' "$phase" "$OUT/$phase.log"
        grep -vE '^ok |^ *[0-9]+/[0-9]+ .* OK ' "$OUT/$phase.log" | tail -n 100 | sed 's/^/| /'
    done
}

sum() {
    local phase passed failed n_passed=0 n_failed=0

    for phase in "$@"; do
        read -r passed failed <"$OUT/$phase.count"
        n_passed=$((n_passed + passed)) n_failed=$((n_failed + failed))
    done
    printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
    [ "$n_failed" = 0 ] && [ "$n_passed" -gt 0 ]
}

phases=("${@:-}")
[ $# -gt 0 ] || phases=(release "${LANE_1[@]}" "${LANE_2[@]}")
for phase in "${phases[@]}"; do
    declare -F "phase_$phase" >/dev/null || {
        echo "test: no phase '$phase'; they are: release ${LANE_1[*]} ${LANE_2[*]}" >&2
        exit 1
    }
done

scripts/setup.sh test || exit 1
mkdir -p "$OUT"
if [ $# -gt 0 ]; then
    run_lane "$@"
else
    trap 'kill 0' INT TERM
    JOBS=$cores run_phase release
    run_lane "${LANE_2[@]}" &
    run_lane "${LANE_1[@]}"
    wait
fi
show_failures "${phases[@]}"
sum "${phases[@]}"
