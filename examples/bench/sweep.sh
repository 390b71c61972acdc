#!/usr/bin/env bash
# Times one shape of model in every weight type, and one type in several batches, and keeps what `run-model bench --json`
# says, a line a run:
#
#   examples/bench/sweep.sh build/release/bin/run-model llama-3.2-1b > speeds.jsonl
#   examples/bench/draw_bench.py speeds.jsonl -o speeds.svg
#
# TYPES, BATCHES, BATCH_TYPE, REPEAT, PREFILL and DECODE change what is timed. Progress goes to stderr.
set -euo pipefail
if [[ $# -ne 2 ]]; then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
run_model="$1" shape="$2"
types="${TYPES:-q4_0 q4_k_m q6_k q8_0 mxfp4 f16 bf16}"
batches="${BATCHES:-1 2 4 8 16 32}"
batch_type="${BATCH_TYPE:-q4_k_m}"

bench() {
  echo "-- $*" >&2
  "$run_model" bench "$@" --repeat "${REPEAT:-5}" --json -q | tr -d '\n'
  echo
}

for type in $types; do
  bench "synthetic:$shape:$type" --prefill "${PREFILL:-512}" --decode "${DECODE:-64}"
done
for batch in $batches; do
  bench "synthetic:$shape:$batch_type" --batch "$batch" --prefill 32 --decode 32
done
