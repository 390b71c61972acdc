#pragma once

#include <list>
#include <mutex>
#include <string>

#include "backends/gpu/driver.h"
#include "backends/opencl/adapter.h"
#include "backends/opencl/api.h"

namespace concord::opencl {

struct OpenClKernel final : gpu::Kernel {
  gpu::KernelKey key;
  cl_program program = nullptr;
  cl_kernel handle = nullptr;

  uint32_t workgroup() const { return key.constants[0].value; }
};

// The kernels of a context, compiled when first asked for. What the driver makes of each is kept in a file of its own,
// as soon as it is there: processes do not wait for or overwrite each other, and one that is killed keeps what it had.
// Threads: any.
class Kernels {
 public:
  // All outlive this.
  Kernels(const sdk::Host* host, const Adapter* adapter, const Api* api, cl_context context)
      : host_(host), adapter_(adapter), api_(api), context_(context) {}
  ~Kernels();

  sdk::Result<const OpenClKernel*> Get(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words);

 private:
  sdk::Status Make(uint32_t features, uint32_t n_params, OpenClKernel* kernel);
  sdk::Status Compile(const std::string& text, const std::string& options, OpenClKernel* kernel);
  sdk::Status Restore(const std::string& binary, const std::string& options, OpenClKernel* kernel);
  sdk::Status Finish(const std::string& options, OpenClKernel* kernel);
  sdk::Status Refused(cl_int result, const OpenClKernel& kernel) const;
  std::string Binary(const OpenClKernel& kernel) const;
  void Release(OpenClKernel* kernel) const;

  const sdk::Host* host_;
  const Adapter* adapter_;
  const Api* api_;
  cl_context context_;
  std::mutex mutex_;
  std::list<OpenClKernel> kernels_;
};

}  // namespace concord::opencl
