#!/usr/bin/env bash
# growth.sh SOURCE_DIR SCRATCH: an operation is one file and one line, so is a model architecture, and a backend is a folder
# and one line. Adds all three to a copy of the tree, exactly so, builds it, runs the cases of the operation on the
# reference device, the suite on the backend, and lets the new architecture write the same text as the one that it was
# copied from.
set -euo pipefail
source_dir="$1" scratch="$2"
tree="$scratch/tree"

copy_tree() {
  rm -rf "$tree"
  mkdir -p "$tree"
  (cd "$source_dir" && git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$tree" --)
}

# add_line FILE AFTER WORD: the sorted list in FILE gets WORD after AFTER.
add_line() {
  sed -i "s/^  $2\$/&\n  $3/" "$1"
  grep -qx "  $3" "$1" || { echo "$1 has no line '  $2'"; exit 1; }
}

add_op() {
  sed 's/"scale"/"scale_again"/g; s/CONCORD_DEFINE_OP(scale)/CONCORD_DEFINE_OP(scale_again)/' "$tree/ops/scale.cc" \
    >"$tree/ops/scale_again.cc"
  add_line "$tree/ops/CMakeLists.txt" scale scale_again
}

add_model() {
  sed 's/qwen3/qwen3_again/g; s/Qwen3ForCausalLM/Qwen3AgainForCausalLM/' "$tree/runtime/models/qwen3.cc" \
    >"$tree/runtime/models/qwen3_again.cc"
  add_line "$tree/runtime/models/CMakeLists.txt" qwen3 qwen3_again
  cp -r "$tree/tests/golden/qwen3" "$scratch/checkpoint"
  sed -i 's/Qwen3ForCausalLM/Qwen3AgainForCausalLM/; s/"qwen3"/"qwen3_again"/' "$scratch/checkpoint/config.json"
}

# The folder of null, renamed as its README says for inside this tree, with the README's first op.
add_backend() {
  cp -r "$tree/backends/null" "$tree/backends/foo"
  (
    cd "$tree/backends/foo"
    awk '/^```/ { inside = !inside && $2 == "add.cc"; next } inside' README.md >add.cc
    sed -i 's/null/foo/g; s/Null/Foo/g' ./*.h ./*.cc CMakeLists.txt
    sed -i 's|"row.h"|"backends/foo/row.h"|' add.cc
    sed -i 's|^}  // namespace concord::foo|extern const FooRow kAdd;\n\n&|' row.h
    sed -i 's|rows = {|&\&kAdd|' plugin.cc
    sed -i 's|plugin.cc|& add.cc|' CMakeLists.txt
  )
  add_line "$tree/backends/CMakeLists.txt" cpu foo
}

build() {
  cmake -S "$tree" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 >"$scratch/configure.log" ||
    { cat "$scratch/configure.log"; exit 1; }
  cmake --build "$scratch/build" --target cts_ops run-model concord-cts concord_backend_foo_so
}

check_op() {
  local cases="$scratch/build/tests/bin/cts_ops"
  "$cases" --gtest_list_tests --gtest_filter='*reference*scale_again*' | grep -q scale_again
  "$cases" --gtest_filter='*reference*scale_again*'
}

check_backend() {
  "$scratch/build/bin/concord-cts" --plugin "$scratch/build/plugins/libconcord_backend_foo.so" --profile core-1 \
    --filter 'device,buffer,semaphore,queue,program,faults,threads,leaks/objects,leaks/program,ops/add'
}

write() { "$scratch/build/bin/run-model" "$1" -p "hello" --temperature 0 --max-tokens 20 --quiet; }

check_model() {
  local old new
  old="$(write "$tree/tests/golden/qwen3")"
  new="$(write "$scratch/checkpoint")"
  [[ -n "$new" && "$new" == "$old" ]] || { printf 'qwen3: %s\nqwen3_again: %s\n' "$old" "$new"; exit 1; }
  echo "one file and one line: same text"
}

rm -rf "$scratch/checkpoint"
copy_tree
add_op
add_model
add_backend
build
check_op
check_backend
check_model
