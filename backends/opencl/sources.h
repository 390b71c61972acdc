#pragma once

#include <array>
#include <string>
#include <string_view>

namespace concord::opencl {

// A kernel of kernels/gpu in OpenCL C, embedded by the build.
struct Source {
  const char* name;  // "norm", "linear_vec.q4_k"
  bool reduces;      // whether SUBGROUPS makes another kernel of it
  std::array<const char*, 6> parts;

  std::string Text() const;
};

// Null when there is none.
const Source* FindSource(std::string_view name);

}  // namespace concord::opencl
