#include "runtime/exec/paged_state.h"

#include "runtime/base/border_type.h"

namespace concord::exec {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);  // a device that hangs must not hang the host

using Verb = absl::Status (hal::Device::*)(const hal::StateArgs&) const;

absl::Status Move(const hal::Device& device, hal::StateArgs args, Verb verb) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore done, device.CreateSemaphore());
  const concord_point signal = done.At(1);
  args.signals = {&signal, 1};
  CONCORD_RETURN_IF_ERROR((device.*verb)(args));
  return done.Wait(1, kPatience);
}

}  // namespace

bool KeepsOwnLayout(const hal::Device& device) { return device.info().kv_layout != kNeutralLayout; }

hal::StateArgs StateArgsOf(const KvBlockShape& shape) {
  return {.n_kv_heads = shape.n_kv_heads,
          .block_tokens = shape.block_tokens,
          .d_head = shape.d_head,
          .type = BorderType(*shape.packing)};
}

absl::Status AskForStateMoves(const hal::Device& device, const KvBlockShape& shape) {
  if (!KeepsOwnLayout(device)) return absl::OkStatus();
  CONCORD_RETURN_IF_ERROR(device.ExportState(StateArgsOf(shape)));
  return device.ImportState(StateArgsOf(shape));
}

absl::Status WriteState(const hal::Buffer& state, uint64_t offset_bytes, const KvBlockShape& shape,
                        absl::Span<const char> rows) {
  const hal::Device& device = state.device();
  if (!KeepsOwnLayout(device)) return state.Write(offset_bytes, rows);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer staging, device.CreateBuffer(rows.size(), CONCORD_BUFFER_STAGING));
  CONCORD_RETURN_IF_ERROR(staging.Write(0, rows));
  hal::StateArgs args = StateArgsOf(shape);
  args.state = &state, args.state_offset_bytes = offset_bytes;
  args.rows = &staging, args.n_blocks = rows.size() / static_cast<uint64_t>(shape.bytes());
  return Move(device, args, &hal::Device::ImportState);
}

absl::Status ReadState(const hal::Buffer& state, uint64_t offset_bytes, const KvBlockShape& shape,
                       absl::Span<char> rows) {
  const hal::Device& device = state.device();
  if (!KeepsOwnLayout(device)) return state.Read(offset_bytes, rows);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer staging, device.CreateBuffer(rows.size(), CONCORD_BUFFER_STAGING));
  hal::StateArgs args = StateArgsOf(shape);
  args.state = &state, args.state_offset_bytes = offset_bytes;
  args.rows = &staging, args.n_blocks = rows.size() / static_cast<uint64_t>(shape.bytes());
  CONCORD_RETURN_IF_ERROR(Move(device, args, &hal::Device::ExportState));
  return staging.Read(0, rows);
}

}  // namespace concord::exec
