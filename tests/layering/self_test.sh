#!/usr/bin/env bash
# self_test.sh LAYERING RULES SCRATCH: the layering check must refuse each of these violations, for the reason given, and
# accept the tree without them.
set -euo pipefail
layering="$1" rules="$2" scratch="$3"
failures=0

fresh_tree() {
  rm -rf "$scratch"
  mkdir -p "$scratch"/runtime/{base/packing,hal,graph,loader,text,models} "$scratch"/kernels/cpu \
    "$scratch"/backends/{cpu,vulkan,reference} "$scratch"/ops
  echo '#include "runtime/base/status.h"' >"$scratch/ops/add.cc"
  echo '#include "ops/core/dim.h"' >"$scratch/backends/reference/run.cc"
  printf '#include <vector>\n#include "runtime/graph/ir.h"\n#include "ops/core/dim.h"\n' >"$scratch/runtime/models/a.cc"
  printf '#include <immintrin.h>\n#include "runtime/base/packing/q8_0.h"\n' >"$scratch/kernels/cpu/a.cc"
  printf '#include "concord/plugin.h"\n#include "kernels/cpu/a.h"\n' >"$scratch/backends/cpu/a.cc"
  echo '#include <oneapi/tbb/task_arena.h>' >"$scratch/runtime/base/arena.cc"
}

# expect PATTERN FILE TEXT: with TEXT in FILE the check fails and says PATTERN.
expect() {
  local pattern="$1" file="$2" output
  fresh_tree
  printf '%b\n' "$3" >"$scratch/$file"
  if output="$("$layering" "$scratch" "$rules")"; then
    echo "ACCEPTED: $file: $3"
    failures=$((failures + 1))
  elif ! grep -qE "^$file:[0-9]+: .*$pattern" <<<"$output"; then
    printf 'WRONG REASON for %s (%s), wanted %s:\n%s\n' "$file" "$3" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}

fresh_tree
"$layering" "$scratch" "$rules" || failures=$((failures + 1))

expect "'text' may not include room 'loader'" runtime/text/a.cc '#include "runtime/loader/gguf.h"'
expect "'loader' may not include room 'text'" runtime/loader/a.cc '#include "runtime/text/bpe.h"'
expect "'models' may not include room 'hal'" runtime/models/b.cc '#include "runtime/hal/device.h"'
expect "'graph' may not include room 'loader'" runtime/graph/a.cc '#include "runtime/loader/gguf.h"'
expect "'base' may not include room 'hal'" runtime/base/a.cc '  #  include "runtime/hal/device.h"  // hidden'
expect "'hal' may not include room 'backend'" runtime/hal/a.cc '#include "backends/cpu/plugin.h"'
expect "'graph' may not include room 'kernels'" runtime/graph/a.cc '#include "kernels/cpu/a.h"'
expect "'kernels' may not include room 'base'" kernels/cpu/b.cc '#include "runtime/base/status.h"'
expect "'packing' may not include room 'base'" runtime/base/packing/q4_0.h '#include "runtime/base/status.h"'
expect "only these rooms may include absl/" runtime/base/packing/q4_0.h '#include "absl/status/status.h"'
expect "only these rooms may include absl/" kernels/cpu/b.cc '#include <absl/status/status.h>'
expect "'backend' may not include room 'ops'" backends/cpu/b.cc '#include "ops/core/dim.h"'
expect "'backend' may not include room 'backend'" backends/cpu/b.cc '#include "backends/vulkan/a.h"'
expect "only these rooms may include oneapi/" runtime/graph/a.cc '#include <oneapi/tbb.h>'
expect "only these rooms may include tbb/" backends/cpu/b.cc '#include "tbb/parallel_for.h"'
expect "only these rooms may include vulkan/" kernels/cpu/b.cc '#include <vulkan/vulkan.h>'
expect "only these rooms may include CL/" runtime/hal/a.cc '#include <CL/cl.h>'
expect "not listed" runtime/base/a.cc '#include <boost/any.hpp>'
expect "from the repository root" runtime/graph/a.cc '#include "../loader/gguf.h"'
expect "in no room" runtime/stray.cc '#include <vector>'
expect "the limit is 800" ops/long.cc "$(printf '//\\n%.0s' {1..801})"

# A rule that names an unknown room is a mistake in the rules themselves.
{ cat "$rules"; echo 'sees graf base'; } >"$scratch.rules"
fresh_tree
if "$layering" "$scratch" "$scratch.rules" >/dev/null; then
  echo "ACCEPTED: a rule about a room that has no folder"
  failures=$((failures + 1))
fi

rm -rf "$scratch" "$scratch.rules"
echo "layering self-test: $failures failures"
[[ $failures -eq 0 ]]
