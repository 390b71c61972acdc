#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace concord::opencl {

// A kernel of kernels/gpu in OpenCL C, embedded by the build.
struct Source {
  const char* name;   // "norm", "linear_vec.q4_k"
  uint32_t features;  // gpu::KernelFeature: of which macros make another kernel of it
  std::array<const char*, 7> parts;

  std::string Text() const;
};

// Null when there is none.
const Source* FindSource(std::string_view name);

}  // namespace concord::opencl
