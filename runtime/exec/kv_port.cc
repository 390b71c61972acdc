#include "runtime/exec/kv_port.h"

#include <utility>

#include "runtime/exec/from_device.h"
#include "runtime/exec/kv_windows.h"

namespace concord::exec {
absl::StatusOr<std::unique_ptr<KvPort>> KvPort::Create(std::shared_ptr<hal::Device> device, int windows,
                                                       int64_t window_bytes) {
  CONCORD_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, Lane::Create(device));
  auto port = std::unique_ptr<KvPort>(new KvPort(std::move(lane)));
  if (!KvWindows::NeededOn(*device)) return port;
  for (int w = 0; w < windows; ++w) {
    Window& window = port->windows_.emplace_back();
    CONCORD_ASSIGN_OR_RETURN(
        window.memory, FromDevice(device->CreateBuffer(static_cast<uint64_t>(window_bytes), CONCORD_BUFFER_STAGING)));
    CONCORD_ASSIGN_OR_RETURN(void* data, FromDevice(window.memory.Map(CONCORD_MAP_READ | CONCORD_MAP_WRITE)));
    window.data = static_cast<char*>(data);
  }
  return port;
}

KvPort::~KvPort() {
  for (const Window& window : windows_) {
    if (window.data != nullptr) window.memory.Unmap();
  }
  for (const hal::Buffer* buffer : opened_) buffer->Unmap();
}

absl::StatusOr<KvPort::State> KvPort::Open(const hal::Buffer& buffer, const KvBlockShape& shape) {
  State state = {&buffer, shape};
  CONCORD_RETURN_IF_ERROR(AskForStateMoves(lane_->device(), shape));
  if (!windows_.empty()) return state;
  CONCORD_ASSIGN_OR_RETURN(void* data, FromDevice(buffer.Map(CONCORD_MAP_READ | CONCORD_MAP_WRITE)));
  opened_.push_back(&buffer);
  state.data = static_cast<char*>(data);
  return state;
}

// Blocks that lie one after the other go in one copy: a pool that nobody has torn yet gives them so.
absl::Status KvPort::Transfer(const State& state, Ids ids, int w, bool fetch) {
  const uint64_t block_bytes = state.block_bytes();
  const bool in_place = state.data != nullptr;
  if (!in_place && !fetch) CONCORD_RETURN_IF_ERROR(FromDevice(windows_[w].memory.Flush(0, ids.size() * block_bytes)));
  for (size_t i = 0, count = 0; i < ids.size(); i += count) {
    for (count = 1; i + count < ids.size() && ids[i + count] == ids[i] + static_cast<int32_t>(count);) ++count;
    const uint64_t at_device = static_cast<uint64_t>(ids[i]) * block_bytes;
    CONCORD_RETURN_IF_ERROR(in_place ? FromDevice(state.buffer->Flush(at_device, count * block_bytes))
                                     : MoveRun(state, at_device, i * block_bytes, count, w, fetch));
  }
  if (!in_place) windows_[w].done = lane_->Now();
  return absl::OkStatus();
}

absl::Status KvPort::MoveRun(const State& state, uint64_t at_device, uint64_t at_host, size_t count, int w,
                             bool fetch) {
  const hal::Buffer* const window = &windows_[w].memory;
  if (!own_layout()) {
    return lane_->Copy({.source = fetch ? state.buffer : window,
                        .target = fetch ? window : state.buffer,
                        .source_offset_bytes = fetch ? at_device : at_host,
                        .target_offset_bytes = fetch ? at_host : at_device,
                        .size_bytes = count * state.block_bytes()});
  }
  hal::StateArgs args = StateArgsOf(state.shape);
  args.state = state.buffer, args.rows = window;
  args.state_offset_bytes = at_device, args.rows_offset_bytes = at_host;
  args.n_blocks = count;
  return fetch ? lane_->ExportState(args) : lane_->ImportState(args);
}

absl::Status KvPort::Wait(int w) {
  if (windows_.empty()) return absl::OkStatus();
  CONCORD_RETURN_IF_ERROR(FromDevice(lane_->Wait(windows_[w].done)));
  return FromDevice(windows_[w].memory.Flush());
}

void KvPort::BeginAnew() {
  if (windows_.empty()) return;
  (void)lane_->WaitForAll();
  (void)lane_->BeginAnew();  // if that fails too, the device is gone, and the next copy says so
  for (Window& window : windows_) window.done = {};
}

}  // namespace concord::exec
