#!/usr/bin/env bash
# self_test.sh ABI_SH HEADER GOLDEN SCRATCH: edits copies of plugin.h as a careless or a careful author would, and demands
# that abi.sh refuses the breaks and lets growth pass only through update.
set -euo pipefail
abi="$1" header="$2" golden="$3" scratch="$4"
failures=0
mkdir -p "$scratch"

# edit SED_EXPRESSION: fresh copies, the header edited; an edit that changes nothing is a mistake in this test.
edit() {
  cp "$header" "$scratch/plugin.h"
  cp "$golden" "$scratch/plugin.golden"
  sed -i -E "$1" "$scratch/plugin.h"
  ! cmp -s "$header" "$scratch/plugin.h" || fail "the edit '$1' does not match the header"
}

fail() {
  echo "FAILED: $1"
  failures=$((failures + 1))
}

abi() { "$abi" "$1" "$scratch/plugin.h" "$scratch/plugin.golden" >"$scratch/said" 2>&1; }

breaks() {
  edit "$2"
  if abi check || ! grep -q "would break" "$scratch/said"; then fail "$1: check let it pass"; fi
  if abi update; then fail "$1: update let it pass"; fi
}

grows() {
  edit "$2"
  if abi check || ! grep -q "grew" "$scratch/said"; then fail "$1: check let it pass in silence"; fi
  abi update || fail "$1: update refused it"
  abi check || fail "$1: check after update"
}

breaks "a field in the middle" 's/^  uint64_t peak_bytes;/  uint64_t other_bytes;\n&/'
breaks "a field gone" '/^  uint64_t total_bytes;/d'
breaks "a field of another type, same size" 's/^  uint64_t peak_bytes;/  int64_t peak_bytes;/'
breaks "a field renamed" 's/^  uint64_t peak_bytes;/  uint64_t top_bytes;/'
breaks "a longer array" 's/char message\[240\]/char message[248]/'
breaks "a frozen struct grown" 's/^\} concord_point;/  uint64_t more;\n&/'
breaks "a constant changed" 's/CONCORD_NOT_FOUND = 5/CONCORD_NOT_FOUND = 6/'
breaks "a constant gone" 's/ *CONCORD_ABORTED = 10,//'
breaks "a macro changed" 's/CONCORD_MAX_RANK 5u/CONCORD_MAX_RANK 6u/'
breaks "a function of the table with another parameter" 's/buffer_unmap\)\(concord_buffer\* buffer\)/buffer_unmap)(concord_buffer* buffer, uint32_t x)/'
breaks "a function type with another result" 's/^typedef void concord_worker_fn/typedef int32_t concord_worker_fn/'
breaks "a function in the middle of the table" 's/^  void \(\*buffer_unmap\)/  void (*buffer_sync)(concord_buffer* buffer);\n&/'
grows "a field at the end" 's/^\} concord_memory_stats;/  uint64_t more_bytes;\n&/'
grows "a function at the end of the table" 's/^\} concord_plugin_api;/  void (*device_reset)(concord_device* device);\n&/'
grows "a new constant" 's/CONCORD_DATA_LOSS = 15/&,\n  CONCORD_UNAUTHENTICATED = 16/'
grows "a new minor version" 's/CONCORD_ABI_MINOR [0-9]+u/CONCORD_ABI_MINOR 999u/'

rm -rf "$scratch"
echo "abi self-test: $failures failures"
[[ $failures -eq 0 ]]
