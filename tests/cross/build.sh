#!/usr/bin/env bash
# build.sh SOURCE_DIR BUILD_DIR CMAKE TOOLCHAIN_FILE: builds a project for another machine in a folder of its own.
set -euo pipefail
source_dir="$1" build_dir="$2" cmake="$3" toolchain="$4"
"$cmake" -S "$source_dir" -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$toolchain"
"$cmake" --build "$build_dir" -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
