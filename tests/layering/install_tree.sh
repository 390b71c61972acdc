#!/usr/bin/env bash
# install_tree.sh SOURCE_DIR BUILD_DIR SCRATCH: installs into a scratch folder and uses nothing but that: every installed
# header compiles in the language it is written for, the plugins export one symbol, the examples build and pass their own
# tests, the plugin among them computes its one op as the installed suite says, and so does the installed CPU plugin all.
set -euo pipefail
source_dir="$1" build_dir="$2" scratch="$3"
prefix="$scratch/prefix"
rm -rf "$scratch"
mkdir -p "$scratch"
cmake --install "$build_dir" --prefix "$prefix" >/dev/null

# compiles LANGUAGE STANDARD HEADER...: one file that includes them all.
compiles() {
  local language="$1" standard="$2"
  shift 2
  printf '#include "%s"\n' "$@" |
    gcc -x "$language" -std="$standard" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -
  echo "$standard: $# headers"
}

headers_of() { (cd "$prefix/include" && find "$1" -maxdepth 1 -name '*.h' | sort); }

check_headers() {
  local packing sdk
  mapfile -t packing < <(headers_of concord/packing)
  mapfile -t sdk < <(headers_of concord/sdk)
  [[ ${#packing[@]} -gt 0 && ${#sdk[@]} -gt 0 ]]
  compiles c c11 concord/plugin.h concord/fault.h concord/trace.h concord/ops.h
  compiles c++ c++17 "${packing[@]}"
  compiles c++ c++17 "${sdk[@]}"
  compiles c++ c++20 concord/concord.h concord/plugin.h
  if [[ -e "$prefix/include/concord/c_api.h" ]]; then compiles c c11 concord/c_api.h; fi
  if grep -rnE '#include "(runtime|backends|ops|kernels)/' "$prefix/include"; then
    echo "an installed header includes what is not installed"
    return 1
  fi
}

# one_symbol FILE: the statics of two plugins stay apart because nothing else is visible.
one_symbol() {
  local symbols
  symbols="$(nm -D --defined-only "$1" | awk '{ print $3 }')"
  [[ "$symbols" == concord_plugin_query ]] || { echo "$1 exports: $symbols"; return 1; }
}

build_example() {
  local name="$1"
  cmake -S "$source_dir/examples/$name" -B "$scratch/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" -DCMAKE_PREFIX_PATH="$prefix" >"$scratch/$name.log" 2>&1 ||
    { cat "$scratch/$name.log"; return 1; }
  cmake --build "$scratch/$name"
}

# suite EXIT_CODE LAST_LINE PLUGIN ARGS...: the installed suite, with nothing of this shell's surroundings.
suite() {
  local want="$1" last="$2" code=0
  shift 2
  (cd "$scratch" && env -i "$prefix/bin/concord-cts" --plugin "$@" >"$scratch/said" 2>"$scratch/err") || code=$?
  tail -n 1 "$scratch/said"
  if [[ $code -ne $want ]] || ! tail -n 1 "$scratch/said" | grep -qE "$last" || grep -q '^Failed' "$scratch/said"; then
    cat "$scratch/said" "$scratch/err"
    echo "exit code $code, want $want and: $last"
    return 1
  fi
}

check_headers
while read -r plugin; do one_symbol "$plugin"; done < <(find "$prefix" "$build_dir/plugins" -name 'libconcord_backend_*.so')

build_example plugin-out-of-tree
adder="$scratch/plugin-out-of-tree/libconcord_backend_adder.so"
one_symbol "$adder"
suite 0 '^green: [0-9]+ passed' "$adder" --profile core-1 --filter 'device,buffer,semaphore,queue,ops/add'
# Every other op it refuses, with a reason: that is no failure, and no pass.
suite 1 '^not green: 6 passed, [0-9]+ refused that core-1 needs' "$adder" --profile core-1 --filter ops
suite 0 '^green: [0-9]{3} passed, [0-9]+ refused that it does not need, 28 skipped$' "$prefix"/lib*/concord/libconcord_backend_cpu.so

build_example embed-minimal
(cd "$scratch/embed-minimal" && ctest --output-on-failure)
echo "the install tree stands on its own"
