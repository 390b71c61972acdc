#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace concord::vulkan {

// A kernel of kernels/gpu as SPIR-V, embedded by the build.
struct Shader {
  const char* name;   // "norm", "linear_vec.q4_k"
  uint32_t features;  // gpu::KernelFeature: what this variant uses
  const uint32_t* words;
  size_t size_bytes;
};

// Null when there is none.
const Shader* FindShader(std::string_view name, uint32_t features);

}  // namespace concord::vulkan
