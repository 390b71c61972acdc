#pragma once

#include <cstdint>

#include "backends/sdk/status.h"
#include "concord/plugin.h"

namespace concord::sdk {
inline namespace v0 {

// The sizes of what a concord_state_args moves, checked.
struct StateBlocks {
  uint64_t row_bytes = 0;    // of one head of one token
  uint64_t block_bytes = 0;  // in either layout
  uint64_t bytes = 0;        // of all blocks

  static Result<StateBlocks> Of(const concord_state_args& args) {
    const concord_type& type = args.type;
    if (args.n_kv_heads < 1 || args.block_tokens < 1 || args.d_head < 1 || type.block_elems == 0 ||
        args.d_head % type.block_elems != 0) {
      return Error(CONCORD_INVALID_ARGUMENT, "state of ", args.n_kv_heads, " heads, ", args.block_tokens,
                   " tokens a block, ", args.d_head, " elements a row of which ", type.block_elems, " make a block of ",
                   type.packing);
    }
    StateBlocks blocks;
    const auto times = [](uint64_t a, uint64_t b, uint64_t* out) { return !__builtin_mul_overflow(a, b, out); };
    if (!times(static_cast<uint64_t>(args.d_head) / type.block_elems, type.block_bytes, &blocks.row_bytes) ||
        !times(blocks.row_bytes, static_cast<uint64_t>(args.n_kv_heads), &blocks.block_bytes) ||
        !times(blocks.block_bytes, static_cast<uint64_t>(args.block_tokens), &blocks.block_bytes) ||
        !times(blocks.block_bytes, args.n_blocks, &blocks.bytes)) {
      return Error(CONCORD_OUT_OF_RANGE, "state of more bytes than can be counted");
    }
    if (blocks.block_bytes != 0 && args.state_offset_bytes % blocks.block_bytes != 0) {
      return Error(CONCORD_INVALID_ARGUMENT, "state from byte ", args.state_offset_bytes, ", want a multiple of ",
                   blocks.block_bytes, ", the bytes of a block");
    }
    return blocks;
  }
};

}  // namespace v0
}  // namespace concord::sdk
