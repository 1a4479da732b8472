#!/usr/bin/env bash
# build.sh - builds one kind of build in build/KIND: release, debug, clang, asan, tsan.
#
#     scripts/build.sh KIND [TARGET...]
#
# JOBS=N limits the compilers at once. A folder that was configured with other options than today's is
# made anew.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

readonly KIND=${1:?expected release, debug, clang, asan or tsan}
readonly FOLDER=build/$KIND
shift

# The checkout's place must not matter to ccache: a fresh clone finds what another one compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

cached() { if command -v ccache >/dev/null; then printf 'ccache %s' "$1"; else printf %s "$1"; fi; }

case $KIND in
# What people run; without ccache, so that installing it later changes no options here.
release) export CC=${CC:-gcc}; options=(--buildtype=release -Dtests=false) ;;
debug) CC=$(cached gcc); options=(--buildtype=debug) ;;
clang) CC=$(cached clang); options=(--buildtype=debugoptimized) ;;
# Optimised a little: unoptimised, an encoder with checks takes seconds for a sentence.
asan) CC=$(cached gcc); options=(--buildtype=debug -Doptimization=1 "-Db_sanitize=address,undefined"
    -Dc_args=-fno-sanitize-recover=all) ;;
tsan) CC=$(cached gcc); options=(--buildtype=debug -Doptimization=1 -Db_sanitize=thread) ;;
*) echo "build: no kind '$KIND'; expected release, debug, clang, asan or tsan" >&2; exit 1 ;;
esac
export CC

wanted="$CC ${options[*]}"
if [ ! -f "$FOLDER/build.ninja" ] || [ "$(cat "$FOLDER/options" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$FOLDER"
    meson setup "$FOLDER" "${options[@]}"
    printf '%s\n' "$wanted" >"$FOLDER/options"
fi
exec ninja -C "$FOLDER" ${JOBS:+-j "$JOBS"} "$@"
