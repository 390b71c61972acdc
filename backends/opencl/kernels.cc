#include "backends/opencl/kernels.h"

#include <cstdio>
#include <string_view>

#include "backends/gpu/kernel_variants.h"
#include "backends/opencl/sources.h"

namespace concord::opencl {
namespace {

// Numbers are unsigned, as the kernels say that they are. No warnings: a constant where a condition was is what
// specialising is about, and drivers print to the user's terminal.
std::string OptionsFor(const gpu::KernelKey& key, uint32_t features, const Adapter& adapter) {
  const char* standard = "CL1.2";
  if ((features & gpu::kInt8Dot) != 0) standard = "CL3.0";
  if ((features & gpu::kSubgroups) != 0) standard = adapter.subgroups_standard;
  std::string options = sdk::Cat("-w -cl-std=", std::string_view(standard));
  if ((features & gpu::kSubgroups) != 0) options += " -DSUBGROUPS";
  if ((features & gpu::kInt8Dot) != 0) options += " -DINT8_DOT";
  if ((features & gpu::kFp16) != 0) options += " -DFP16";
  for (const gpu::KernelKey::Constant& constant : key.constants) {
    options += sdk::Cat(" -D", std::string_view(constant.name), "=", constant.value, "u");
  }
  return options;
}

// All that the compiled form depends on is in `key`.
sdk::DiskCache CacheFor(const std::string& key) {
  char name[48];
  std::snprintf(name, sizeof(name), "opencl-%016llx.program", static_cast<unsigned long long>(sdk::Hash(key)));
  return {name, key};
}

// The first line of a compiler's log that speaks of an error, else its first.
std::string_view FirstError(std::string_view log) {
  const size_t error = log.find("error");
  const size_t before = error == std::string_view::npos ? std::string_view::npos : log.rfind('\n', error);
  if (before != std::string_view::npos) log.remove_prefix(before + 1);
  return log.substr(0, log.find('\n'));
}

}  // namespace

Kernels::~Kernels() {
  for (OpenClKernel& kernel : kernels_) Release(&kernel);
}

void Kernels::Release(OpenClKernel* kernel) const {
  if (kernel->handle != nullptr) (void)api_->clReleaseKernel(kernel->handle);
  if (kernel->program != nullptr) (void)api_->clReleaseProgram(kernel->program);
  kernel->handle = nullptr;
  kernel->program = nullptr;
}

sdk::Result<const OpenClKernel*> Kernels::Get(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const OpenClKernel& kernel : kernels_) {
    if (kernel.key == key) return &kernel;
  }
  OpenClKernel kernel;
  kernel.key = key;
  const uint32_t n_params = 2 * n_buffers + n_words;
  sdk::Status status = gpu::MakeBestVariant(*host_, adapter_->kernel_features(),
                                            [&](uint32_t features) { return Make(features, n_params, &kernel); });
  if (!status.ok()) return status;
  kernels_.push_back(kernel);
  return &kernels_.back();
}

sdk::Status Kernels::Make(uint32_t features, uint32_t n_params, OpenClKernel* kernel) {
  const Source* source = FindSource(kernel->key.name);
  if (source == nullptr || (features & ~source->features) != 0) {
    return sdk::Error(CONCORD_NOT_FOUND, "there is no kernel ", kernel->key.name);
  }
  const std::string options = OptionsFor(kernel->key, features, *adapter_);
  const std::string text = source->Text();
  const sdk::DiskCache disk = CacheFor(sdk::Cat(adapter_->fingerprint, "\n", options, "\n", text));
  // A file that the driver does not like is as good as none.
  const std::string kept = disk.Read();
  const bool restored = !kept.empty() && Restore(kept, options, kernel).ok();
  sdk::Status status = restored ? sdk::Ok() : Compile(text, options, kernel);
  if (!status.ok()) return status;
  // The parameter behind the last is there for the commas and has the same value for ever.
  const cl_uint zero = 0;
  const cl_int result = api_->clSetKernelArg(kernel->handle, n_params, sizeof(zero), &zero);
  if (result != CL_SUCCESS) {
    status = Refused(result, *kernel);
    Release(kernel);
    return status;
  }
  if (restored) return status;
  const std::string binary = Binary(*kernel);
  if (!binary.empty()) (void)disk.Write(binary);
  return status;
}

sdk::Status Kernels::Compile(const std::string& text, const std::string& options, OpenClKernel* kernel) {
  const char* data = text.data();
  const size_t size = text.size();
  cl_int result = CL_SUCCESS;
  kernel->program = api_->clCreateProgramWithSource(context_, 1, &data, &size, &result);
  if (result != CL_SUCCESS) return Refused(result, *kernel);
  return Finish(options, kernel);
}

sdk::Status Kernels::Restore(const std::string& binary, const std::string& options, OpenClKernel* kernel) {
  const auto* data = reinterpret_cast<const unsigned char*>(binary.data());
  const size_t size = binary.size();
  cl_int result = CL_SUCCESS, loaded = CL_SUCCESS;
  kernel->program = api_->clCreateProgramWithBinary(context_, 1, &adapter_->handle, &size, &data, &loaded, &result);
  if (result == CL_SUCCESS) result = loaded;
  if (result == CL_SUCCESS) return Finish(options, kernel);
  sdk::Status status = Refused(result, *kernel);
  Release(kernel);
  return status;
}

// Builds the program and takes its kernel; of what fails nothing is left.
sdk::Status Kernels::Finish(const std::string& options, OpenClKernel* kernel) {
  cl_int result = api_->clBuildProgram(kernel->program, 1, &adapter_->handle, options.c_str(), nullptr, nullptr);
  if (result == CL_SUCCESS) kernel->handle = api_->clCreateKernel(kernel->program, "kernel_main", &result);
  size_t most = 0;
  if (result == CL_SUCCESS) {
    result = api_->clGetKernelWorkGroupInfo(kernel->handle, adapter_->handle, CL_KERNEL_WORK_GROUP_SIZE, sizeof(most),
                                            &most, nullptr);
  }
  // What a kernel takes of registers may allow fewer than the device's most.
  if (result == CL_SUCCESS && most < kernel->workgroup()) result = CL_INVALID_WORK_GROUP_SIZE;
  if (result == CL_SUCCESS) return sdk::Ok();
  sdk::Status status = Refused(result, *kernel);
  if (most != 0) status.message += sdk::Cat(": a workgroup has ", kernel->workgroup(), ", and at most ", most, " fit");
  Release(kernel);
  return status;
}

sdk::Status Kernels::Refused(cl_int result, const OpenClKernel& kernel) const {
  sdk::Status status = ClError(result, "clBuildProgram");
  status.message = sdk::Cat("the driver refuses kernel ", kernel.key.name, ": ", status.message);
  if (result != CL_BUILD_PROGRAM_FAILURE) return status;
  size_t size = 0;
  const cl_program_build_info what = CL_PROGRAM_BUILD_LOG;
  if (api_->clGetProgramBuildInfo(kernel.program, adapter_->handle, what, 0, nullptr, &size) != CL_SUCCESS)
    return status;
  std::string log(size, '\0');
  if (api_->clGetProgramBuildInfo(kernel.program, adapter_->handle, what, size, log.data(), nullptr) == CL_SUCCESS) {
    host_->Log(CONCORD_LOG_DEBUG, sdk::Cat("kernel ", kernel.key.name, ":\n", std::string_view(log.c_str())));
    status.message += sdk::Cat(": ", FirstError(log.c_str()));
  }
  return status;
}

// Empty when the driver gives none.
std::string Kernels::Binary(const OpenClKernel& kernel) const {
  size_t size = 0;
  if (api_->clGetProgramInfo(kernel.program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr) != CL_SUCCESS) {
    return {};
  }
  std::string binary(size, '\0');
  auto* data = reinterpret_cast<unsigned char*>(binary.data());
  if (api_->clGetProgramInfo(kernel.program, CL_PROGRAM_BINARIES, sizeof(data), &data, nullptr) != CL_SUCCESS)
    return {};
  return binary;
}

}  // namespace concord::opencl
