#!/usr/bin/env bash
# model.sh - makes the model file from the published weights, unless it is there and readable.
#
#     scripts/model.sh MEMORYD WEIGHTS_FOLDER MODEL_FILE
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

memoryd=$1 weights=$2 model=$3

# Beside build/release/ the program finds it without being told, as beside an installed bin/.
mkdir -p "$(dirname "$model")" build/share
ln -sfn "../$(basename "$(dirname "$model")")" build/share/memoryd

# A file of an older format does not open; then, too, it is made anew.
if [ -f "$model" ] && "$memoryd" model info "$model" >/dev/null 2>&1; then
    exit 0
fi
if [ ! -f "$weights/model.safetensors" ]; then
    rm -f "$model"
    scripts/setup.sh run
fi
"$memoryd" model convert "$weights" "$model"
