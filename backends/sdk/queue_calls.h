#pragma once

#include "backends/sdk/arrays.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "backends/sdk/work.h"
#include "concord/plugin.h"

// The four queue calls of a device with one queue, checked and put into an InlineQueue or AsyncQueue. BufferClass is
// the device's sdk::Buffer, with CheckRange(offset_bytes, size_bytes); PreparedClass its sdk::Prepared, with
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

 private:
  static BufferClass* BufferOf(concord_buffer* handle) { return static_cast<BufferClass*>(ObjectOf(handle)); }

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
