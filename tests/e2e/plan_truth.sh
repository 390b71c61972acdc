#!/usr/bin/env bash
# plan_truth.sh RUN_MODEL DEVICE MODEL...: what a plan says of memory and speed against the run, for two contexts each, as rows
# of the table in BENCHMARKS.md. Wants a quiet machine. Fails where memory is off by more than 2 % and 64 MiB, or decoding by
# more than 15 %.
set -euo pipefail
run_model="$1" device="$2"
shift 2

# row MODEL CONTEXT DECODE: fills the context, and decodes its last tokens.
row() {
  local decode="$3"
  "$run_model" bench "$1" --device "$device" --context "$2" --prefill $(($2 - 2)) --decode-from $(($2 - decode - 2)) \
    --decode "$decode" --repeat 5 --no-machine --report --json |
    python3 -c '
import json, sys
model, context, tokens = sys.argv[1:]
report = json.load(sys.stdin)["report"]
memory, decode, prefill = report["memory_bytes"], report["decode_seconds"], report["prefill_seconds"]
off = lambda pair: 100 * (pair["predicted"] / pair["measured"] - 1)
mib = lambda bytes: "%.1f MiB" % (bytes / 2**20)
rate = lambda count, seconds: "%.1f" % (count / seconds) if seconds else "-"
print("|", " | ".join([model.split("/")[-1] or "demo", context, mib(memory["predicted"]), mib(memory["measured"]),
      rate(int(tokens), decode["predicted"]), rate(int(tokens), decode["measured"]), "%+.1f %%" % off(decode),
      rate(int(context) - 2, prefill["predicted"]), rate(int(context) - 2, prefill["measured"])]), "|")
difference = abs(memory["predicted"] - memory["measured"])
sys.exit(difference > max(64 * 2**20, 0.02 * memory["measured"]) or abs(off(decode)) > 15)' "$1" "$2" "$3"
}

echo "| model | context | memory, planned | touched | decode tok/s, planned | measured | time off | prefill tok/s, planned | measured |"
echo "|---|---|---|---|---|---|---|---|---|"
failed=0
for model in "$@"; do
  # Long enough for a clock: small models decode thousands of tokens a second.
  contexts=(256 500) decode=190
  if [[ "$model" == synthetic:* ]]; then contexts=(128 2048) decode=60; fi
  for context in "${contexts[@]}"; do row "$model" "$context" "$decode" || failed=1; done
done
exit "$failed"
