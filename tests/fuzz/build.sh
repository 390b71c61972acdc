#!/usr/bin/env bash
# build.sh SOURCE_DIR BUILD_DIR CMAKE CLANGXX: builds the fuzz targets with clang in their own folder.
set -euo pipefail
source_dir="$1" build_dir="$2" cmake="$3" clangxx="$4"
"$cmake" -S "$source_dir" -B "$build_dir" -G Ninja -DCONCORD_BUILD_FUZZERS=ON -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_FLAGS="-O1 -gline-tables-only" -DCMAKE_CXX_COMPILER="$clangxx" -DCMAKE_C_COMPILER="${clangxx/++/}"
"$cmake" --build "$build_dir" --target fuzzers -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
