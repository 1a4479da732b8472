#!/usr/bin/env bash
# model.sh - makes the model file from the published weights, unless it is there and readable.
#
#     scripts/model.sh MEMORYD WEIGHTS_FOLDER MODEL_FILE
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."

memoryd=$1 weights=$2 model=$3

# The program looks in share/ beside its folder, built as well as installed.
mkdir -p "$(dirname "$model")" build/release/share
ln -sfn ../../model build/release/share/memoryd

# A file of an older format does not open; then, too, it is made anew.
if [ -f "$model" ] && "$memoryd" model info "$model" >/dev/null 2>&1; then
    exit 0
fi
scripts/setup.sh weights
"$memoryd" model convert "$weights" "$model"
