#pragma once

#include <string>
#include <vector>

#include "backends/gpu/adapter.h"
#include "backends/opencl/api.h"

namespace concord::opencl {

// A device of a platform: what it is, whether it can be used, and the choices that follow from it.
struct Adapter : gpu::Adapter {
  cl_platform_id platform = nullptr;
  cl_device_id handle = nullptr;
  const char* subgroups_standard = nullptr;  // the -cl-std= that kernels with subgroup operations need; null: none

  // FAILED_PRECONDITION and why when Concord cannot use it.
  static sdk::Result<Adapter> Judge(const Api& api, cl_platform_id platform, cl_device_id handle);
  // All that can be used, platform by platform in the order of the loader; `refused` gets a line for each other.
  static sdk::Result<std::vector<Adapter>> FindAll(const Api& api, std::vector<std::string>* refused);
};

}  // namespace concord::opencl
