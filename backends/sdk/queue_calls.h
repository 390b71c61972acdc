#pragma once

#include "backends/sdk/arrays.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/state_blocks.h"
#include "backends/sdk/status.h"
#include "backends/sdk/work.h"
#include "concord/plugin.h"

// The queue calls of a device with one queue, checked and put into an InlineQueue or AsyncQueue. BufferClass is the
// device's sdk::Buffer, with CheckRange(offset_bytes, size_bytes); PreparedClass its sdk::Prepared, with
// Check(const Work&).
namespace concord::sdk {
inline namespace v0 {

template <typename BufferClass, typename PreparedClass, typename Queue>
class QueueCalls {
 public:
  explicit QueueCalls(Queue* queue) : queue_(queue) {}

  Status Submit(const concord_submit_args& args) {
    if (args.prepared == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "submit without a prepared program");
    return Push(args, [&](Work* work) {
      work->kind = Work::Kind::kSubmit;
      work->prepared = ObjectOf(args.prepared);
      ArrayView<concord_symbol_value>(args.values).CopyTo(&work->values);
      ArrayView<concord_binding>(args.bindings).CopyTo(&work->bindings);
      return static_cast<PreparedClass*>(work->prepared)->Check(*work);
    });
  }

  Status Copy(const concord_copy_args& args) {
    if (args.source == nullptr || args.target == nullptr) {
      return Error(CONCORD_INVALID_ARGUMENT, "copy without buffers");
    }
    return Push(args, [&](Work* work) {
      work->kind = Work::Kind::kCopy;
      work->copy = args;
      Status source = BufferOf(args.source)->CheckRange(args.source_offset_bytes, args.size_bytes);
      return source.ok() ? BufferOf(args.target)->CheckRange(args.target_offset_bytes, args.size_bytes) : source;
    });
  }

  Status Fill(const concord_fill_args& args) {
    if (args.target == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "fill without a buffer");
    if (args.size_bytes % 4 != 0) {
      return Error(CONCORD_INVALID_ARGUMENT, "fill of ", args.size_bytes, " bytes: want a multiple of 4");
    }
    return Push(args, [&](Work* work) {
      work->kind = Work::Kind::kFill;
      work->fill = args;
      return BufferOf(args.target)->CheckRange(args.offset_bytes, args.size_bytes);
    });
  }

  Status Barrier(const concord_barrier_args& args) {
    return Push(args, [](Work* work) {
      work->kind = Work::Kind::kBarrier;
      return Ok();
    });
  }

  // For a device with a layout of its own, whose executor then does the work: see Device::ExportState.
  Status ExportState(const concord_state_args& args) { return MoveState(args, Work::Kind::kExportState); }
  Status ImportState(const concord_state_args& args) { return MoveState(args, Work::Kind::kImportState); }

 private:
  static BufferClass* BufferOf(concord_buffer* handle) { return static_cast<BufferClass*>(ObjectOf(handle)); }

  Status MoveState(const concord_state_args& args, Work::Kind kind) {
    Result<StateBlocks> checked = StateBlocks::Of(args);
    if (!checked.ok()) return checked.status();
    const uint64_t bytes = (*checked).bytes;
    if (args.n_blocks != 0 && (args.state == nullptr || args.rows == nullptr)) {
      return Error(CONCORD_INVALID_ARGUMENT, "state to move without buffers");
    }
    return Push(args, [&](Work* work) {
      work->kind = args.n_blocks == 0 ? Work::Kind::kBarrier : kind;
      work->state = args;
      if (args.n_blocks == 0) return Ok();
      Status state = BufferOf(args.state)->CheckRange(args.state_offset_bytes, bytes);
      return state.ok() ? BufferOf(args.rows)->CheckRange(args.rows_offset_bytes, bytes) : state;
    });
  }

  template <typename Args, typename Describe>
  Status Push(const Args& args, Describe describe) {
    if (args.queue_index != 0) {
      return Error(CONCORD_INVALID_ARGUMENT, "queue ", args.queue_index, " of a device with one queue");
    }
    return queue_->Push(args.waits, args.signals, describe);
  }

  Queue* queue_;
};

}  // namespace v0
}  // namespace concord::sdk
