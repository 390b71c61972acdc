#!/usr/bin/env bash
# run.sh PROGRAM SEEDS OPTIONS...: one fuzz target from its seeds (a folder that need not exist) and a fixed random seed.
# What it finds goes to a scratch folder, so that every run sees the same inputs and the source tree stays as it is.
set -euo pipefail
program="$1" seeds="$2"
shift 2
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
folders=("$scratch")
[[ ! -d "$seeds" ]] || folders+=("$seeds")
"$program" -seed=1 -timeout=20 -rss_limit_mb=3072 -artifact_prefix="$program-" "$@" "${folders[@]}"
