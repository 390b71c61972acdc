#!/usr/bin/env bash
# recipe.sh SOURCE_DIR BUILD_DIR SCRATCH: follows backends/null/README.md to the letter, in a scratch folder with an install
# tree and nothing else of Concord, and sees the suite become green step by step: the border, then `add`, then core-1. Files
# and commands are taken from the README itself; only the rows after the first are written here (recipe/*.in).
# shellcheck disable=SC2094  # `block NAME >NAME` reads README.md
set -euo pipefail
source_dir="$1" build_dir="$2" scratch="$3"
readme="$source_dir/backends/null/README.md"
export NULL_PLUGIN="$source_dir/backends/null" CONCORD_PREFIX="$scratch/prefix"
export PATH="$scratch/prefix/bin:$PATH" CMAKE_GENERATOR=Ninja CMAKE_BUILD_TYPE=None CXXFLAGS=-O1

# block NAME: what stands in the README between ```LANGUAGE NAME and ```.
block() {
  awk -v name="$1" '/^```/ { inside = !inside && $2 == name; if (inside) found = 1; next } inside { print }
                    END { exit !found }' "$readme" || { echo "README.md has no block called $1"; exit 1; }
}

follow() {
  echo "-- $1"
  bash -euo pipefail -c "$(block "$1")"
}

# says TEXT: the suite's last line, which follow() has put into $scratch/said.
says() { tail -n 1 "$scratch/said" | grep -qF -- "$1" || { cat "$scratch/said"; echo "want: $1"; exit 1; }; }

# not_green FILTER: the suite fails with these cases, because they are refused and for no other reason.
not_green() {
  local code=0
  concord-cts --plugin build/libconcord_backend_foo.so --profile core-1 --filter "$1" >"$scratch/said" || code=$?
  [[ $code -eq 1 ]] || { cat "$scratch/said"; echo "exit code $code, want 1"; exit 1; }
  says "refused that core-1 needs"
  if grep -q '^Failed' "$scratch/said"; then cat "$scratch/said"; exit 1; fi
}

# green BLOCK: the README's command passes.
green() {
  follow "$1" >"$scratch/said" || { cat "$scratch/said"; exit 1; }
  says "green: "
  tail -n 1 "$scratch/said"
}

# row NAME SYMBOL: the steps of block `add` for another op.
row() {
  cp "$source_dir/tests/cts/recipe/$1.cc.in" "$1.cc"
  bash -euo pipefail -c "$(block add | sed "s/kAdd,/k$2,/; s/kAdd;/k$2;/; s/kAdd|/k$2, |/; s/ add\.cc/ $1.cc/")"
}

rm -rf "$scratch"
mkdir -p "$scratch/foo"
cmake --install "$build_dir" --prefix "$scratch/prefix" >/dev/null
cd "$scratch/foo"

follow copy
block CMakeLists.txt >CMakeLists.txt
follow build >"$scratch/log" || { cat "$scratch/log"; exit 1; }
green prove-border
not_green 'program/step_sizes,ops/add'

block add.cc >add.cc
follow add
follow build >"$scratch/log" || { cat "$scratch/log"; exit 1; }
green prove-add
not_green 'ops/mul'

cp "$source_dir/tests/cts/recipe/f32.h.in" f32.h
row mul Mul
row scale Scale
row rms_norm RmsNorm
row linear Linear
follow build >"$scratch/log" || { cat "$scratch/log"; exit 1; }
concord-cts --plugin build/libconcord_backend_foo.so --profile core-1 >"$scratch/said" || { cat "$scratch/said"; exit 1; }
says "green: "
echo "copied, filled in, green: $(tail -n 1 "$scratch/said")"
