#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "runtime/exec/kv_rows.h"
#include "runtime/exec/lane.h"
#include "runtime/exec/paged_state.h"

namespace concord::exec {

// The host's way to blocks of paged state on a device, in kv.paged/1. Where buffers are host memory and lie so, the
// host reads and writes them in place; elsewhere through windows of staging memory, and copies that run while the host
// does something else: the device's own exports and imports, where only it knows how its blocks lie. One thread. Goes
// before the states that were opened.
class KvPort {
 public:
  static absl::StatusOr<std::unique_ptr<KvPort>> Create(std::shared_ptr<hal::Device> device, int windows,
                                                        int64_t window_bytes);
  ~KvPort();
  KvPort(const KvPort&) = delete;
  KvPort& operator=(const KvPort&) = delete;

  struct State {
    const hal::Buffer* buffer = nullptr;
    KvBlockShape shape;
    char* data = nullptr;  // null: through windows

    uint64_t block_bytes() const { return static_cast<uint64_t>(shape.bytes()); }
  };
  // Unimplemented where the device has a layout of its own and does not convert such a state.
  absl::StatusOr<State> Open(const hal::Buffer& buffer, const KvBlockShape& shape);

  using Ids = absl::Span<const int32_t>;  // of blocks, as many as fit a window
  // Starts to bring blocks to a window, or what is in a window to the blocks, after what was started before.
  absl::Status Fetch(const State& state, Ids ids, int window) { return Transfer(state, ids, window, true); }
  absl::Status Store(const State& state, Ids ids, int window) { return Transfer(state, ids, window, false); }
  // Until what was started last with this window is done.
  absl::Status Wait(int window);
  // Where the host finds block `ids[i]`: after Fetch and Wait to read, before Store to write.
  char* At(const State& state, Ids ids, int window, size_t i) const {
    return state.data != nullptr ? state.data + static_cast<uint64_t>(ids[i]) * state.block_bytes()
                                 : windows_[window].data + i * state.block_bytes();
  }

  // After an error: until nothing is in flight any more, ready for what comes next.
  void BeginAnew();

 private:
  explicit KvPort(std::unique_ptr<Lane> lane) : lane_(std::move(lane)) {}
  bool own_layout() const { return KeepsOwnLayout(lane_->device()); }
  absl::Status Transfer(const State& state, Ids ids, int window, bool fetch);
  absl::Status MoveRun(const State& state, uint64_t at_device, uint64_t at_host, size_t count, int window, bool fetch);

  struct Window {
    hal::Buffer memory;
    char* data = nullptr;
    Lane::Moment done;
  };
  std::unique_ptr<Lane> lane_;
  std::vector<Window> windows_;  // empty: in place
  std::vector<const hal::Buffer*> opened_;
};

}  // namespace concord::exec
