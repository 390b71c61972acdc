#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/gpu/kernel_variants.h"
#include "backends/gpu/launch_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// A device of a GPU API: what the host is told of it, and the choices that follow. A backend derives the one of its
// API.
struct Adapter {
  std::string name, kind, driver, features;  // as in concord_device_info
  bool on_host_cores = false;
  uint64_t memory_bytes = 0;  // that device buffers come from
  uint64_t max_allocation_bytes = 0;
  std::string fingerprint;  // of device, driver and plugin
  bool has_int8_dot = false;
  Limits limits;

  bool has_subgroups() const { return limits.subgroup_size > 1; }
  uint32_t kernel_features() const {
    return (has_subgroups() ? kSubgroups : 0u) | (has_int8_dot ? kInt8Dot : 0u) | (limits.has_fp16 ? kFp16 : 0u);
  }

  // Forgets what a list of names (of `features`, with underscores) forbids: where a driver has a feature wrong, and for
  // tests of what stands in for it.
  void Without(std::string_view list) {
    const auto names = [&](std::string_view name) {
      return sdk::Cat(",", list, ",").find(sdk::Cat(",", name, ",")) != std::string::npos;
    };
    if (names("subgroups")) limits.subgroup_size = 1;
    if (names("integer_dot_products")) has_int8_dot = false;
    if (names("fp16")) limits.has_fp16 = false;
    if (!list.empty()) features += sdk::Cat("; CONCORD_GPU_WITHOUT=", list);
  }

  // From what the API says of workgroups and of what one buffer of a kernel may span.
  void SetLimits(uint64_t workgroup_invocations, uint64_t shared_bytes, uint64_t range_bytes) {
    // What is more than a 32-bit index of a byte would reach is split anyway; and repacking a matrix for the device
    // costs host memory for one part at a time.
    constexpr uint64_t kMaxRangeBytes = (uint64_t{1} << 32) - 256, kMaxPartBytes = uint64_t{256} << 20;
    limits.max_workgroup = 1;
    while (limits.max_workgroup < 1024 && limits.max_workgroup * 2 <= workgroup_invocations) limits.max_workgroup *= 2;
    limits.shared_bytes = static_cast<uint32_t>(std::min<uint64_t>(shared_bytes, UINT32_MAX));
    limits.max_range_bytes = std::min(range_bytes, kMaxRangeBytes);
    limits.max_part_bytes = std::min(limits.max_range_bytes, kMaxPartBytes);
  }

  // RESOURCE_EXHAUSTED for `wanted_bytes` where buffers have taken `taken_bytes` of the memory.
  sdk::Status Exhausted(uint64_t wanted_bytes, uint64_t taken_bytes) const {
    const std::string limit = wanted_bytes > max_allocation_bytes
                                  ? sdk::Cat(" (one piece has at most ", max_allocation_bytes, ")")
                                  : std::string();
    return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "no device memory for ", wanted_bytes, " bytes", limit, "; ",
                      FreeBytes(taken_bytes), " of ", memory_bytes,
                      " are free: use a smaller quantisation, a shorter context or fewer sequences");
  }
  uint64_t FreeBytes(uint64_t taken_bytes) const { return memory_bytes - std::min(taken_bytes, memory_bytes); }

  void Describe(concord_device_info* out) const {
    out->flags = CONCORD_DEVICE_ASYNC;
    if (on_host_cores) out->flags |= CONCORD_DEVICE_SHARES_HOST_CORES;
    out->name = sdk::ToC(name);
    out->kind = sdk::ToC(kind);
    out->driver = sdk::ToC(driver);
    out->features = sdk::ToC(features);
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->memory_bytes = memory_bytes;
    out->max_buffer_bytes = max_allocation_bytes;
    out->binding_align_bytes = 256;  // the most that an API asks for
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
  }
};

}  // namespace concord::gpu
