#include "backends/opencl/adapter.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

namespace concord::opencl {
namespace {

// What the kernels may take of a workgroup; every full profile has it.
constexpr uint64_t kLeastLocalBytes = 32 << 10;
constexpr size_t kLeastWorkgroup = 64;

// What a device says of itself; what it does not know reads as zero or empty.
class Info {
 public:
  Info(const Api& api, cl_device_id handle) : api_(api), handle_(handle) {}

  template <typename T>
  T Get(cl_device_info what) const {
    T value{};
    return api_.clGetDeviceInfo(handle_, what, sizeof(value), &value, nullptr) == CL_SUCCESS ? value : T{};
  }
  template <typename T>
  std::vector<T> GetAll(cl_device_info what) const {
    size_t size = 0;
    if (api_.clGetDeviceInfo(handle_, what, 0, nullptr, &size) != CL_SUCCESS) return {};
    std::vector<T> values(size / sizeof(T));
    if (api_.clGetDeviceInfo(handle_, what, size, values.data(), nullptr) != CL_SUCCESS) return {};
    return values;
  }
  std::string Text(cl_device_info what) const {
    const std::vector<char> text = GetAll<char>(what);
    std::string_view trimmed(text.data(), text.size());
    while (!trimmed.empty() && (trimmed.back() == '\0' || trimmed.back() == ' ')) trimmed.remove_suffix(1);
    while (!trimmed.empty() && trimmed.front() == ' ') trimmed.remove_prefix(1);
    return std::string(trimmed);
  }
  // As 10 times major plus minor, from "OpenCL 3.0 ..." or "OpenCL C 1.2 ..."; 0: it cannot be read.
  int Version(cl_device_info what, const char* format) const {
    int major = 0, minor = 0;
    return std::sscanf(Text(what).c_str(), format, &major, &minor) == 2 ? 10 * major + minor : 0;
  }
  // By its whole name: some extensions begin with the name of another.
  bool HasExtension(std::string_view name) const {
    const std::string all = " " + Text(CL_DEVICE_EXTENSIONS) + " ";
    return all.find(sdk::Cat(" ", name, " ")) != std::string::npos;
  }
  bool HasLanguageFeature(std::string_view name) const {
    for (const cl_name_version& feature : GetAll<cl_name_version>(CL_DEVICE_OPENCL_C_FEATURES)) {
      if (name == feature.name) return true;
    }
    return false;
  }

 private:
  const Api& api_;
  cl_device_id handle_;
};

std::string PlatformText(const Api& api, cl_platform_id platform, cl_platform_info what) {
  char text[256] = {};
  return api.clGetPlatformInfo(platform, what, sizeof(text) - 1, text, nullptr) == CL_SUCCESS ? text : "";
}

template <typename... Parts>
sdk::Status Unfit(const Parts&... parts) {
  return sdk::Error(CONCORD_FAILED_PRECONDITION, parts...);
}

sdk::Status Check(const Info& info) {
  if (info.Get<cl_bool>(CL_DEVICE_AVAILABLE) == CL_FALSE) return Unfit("it is not available: another process has it");
  if ((info.Get<cl_device_type>(CL_DEVICE_TYPE) &
       (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_ACCELERATOR)) == 0) {
    return Unfit("it runs only kernels of its own");
  }
  const int version = info.Version(CL_DEVICE_VERSION, "OpenCL %d.%d");
  const int language = info.Version(CL_DEVICE_OPENCL_C_VERSION, "OpenCL C %d.%d");
  if (version < 12 || language < 12) {
    return Unfit("its driver has ", info.Text(CL_DEVICE_VERSION), " and ", info.Text(CL_DEVICE_OPENCL_C_VERSION),
                 ", want 1.2 or later: update the driver");
  }
  if (info.Get<cl_bool>(CL_DEVICE_COMPILER_AVAILABLE) == CL_FALSE) return Unfit("its driver has no compiler");
  if (info.Get<cl_bool>(CL_DEVICE_ENDIAN_LITTLE) == CL_FALSE) return Unfit("it is big-endian");
  if (info.Get<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE) < kLeastLocalBytes) {
    return Unfit("a workgroup has ", info.Get<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE), " bytes of memory, want ",
                 kLeastLocalBytes);
  }
  if (info.Get<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE) < kLeastWorkgroup) {
    return Unfit("a workgroup has at most ", info.Get<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE), " items, want ",
                 kLeastWorkgroup);
  }
  return sdk::Ok();
}

const char* KindOf(cl_device_type type) {
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return "gpu";
  return (type & CL_DEVICE_TYPE_CPU) != 0 ? "cpu" : "accelerator";
}

void ChooseLimits(const Info& info, Adapter* adapter) {
  size_t workgroup = info.Get<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE);
  const std::vector<size_t> items = info.GetAll<size_t>(CL_DEVICE_MAX_WORK_ITEM_SIZES);
  if (!items.empty()) workgroup = std::min(workgroup, items[0]);
  adapter->SetLimits(workgroup, info.Get<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE), adapter->max_allocation_bytes);
}

// In OpenCL 2.x subgroups are an extension to OpenCL C 2.0; in 3.0 the language has them where it says so.
void FindSubgroups(const Info& info, Adapter* adapter) {
  const int version = info.Version(CL_DEVICE_VERSION, "OpenCL %d.%d");
  if (version >= 30 && info.HasLanguageFeature("__opencl_c_subgroups")) {
    adapter->subgroups_standard = "CL3.0";
  } else if (version >= 20 && version < 30 && info.HasExtension("cl_khr_subgroups")) {
    adapter->subgroups_standard = "CL2.0";
  } else {
    return;
  }
  // How large they are is the compiler's choice, kernel by kernel; nothing depends on more than that there are any.
  const cl_uint most = info.Get<cl_uint>(CL_DEVICE_MAX_NUM_SUB_GROUPS);
  adapter->limits.subgroup_size = std::max(2u, most == 0 ? 2u : adapter->limits.max_workgroup / most);
}

// Part of OpenCL C 3.0; compilers of earlier languages need not declare them.
void FindInt8Dot(const Info& info, Adapter* adapter) {
  adapter->has_int8_dot =
      info.Version(CL_DEVICE_VERSION, "OpenCL %d.%d") >= 30 && info.HasExtension("cl_khr_integer_dot_product");
}

std::string FeaturesOf(const Adapter& adapter) {
  std::string features = adapter.has_subgroups() ? "subgroups" : "no subgroups";
  if (adapter.limits.has_fp16) features += ", fp16";
  if (adapter.has_int8_dot) features += ", integer dot products";
  return features;
}

}  // namespace

sdk::Result<Adapter> Adapter::Judge(const Api& api, cl_platform_id platform, cl_device_id handle) {
  const Info info(api, handle);
  Adapter made;
  made.platform = platform;
  made.handle = handle;
  made.name = info.Text(CL_DEVICE_NAME);
  sdk::Status status = Check(info);
  if (!status.ok()) {
    status.message = sdk::Cat(made.name, " is not used: ", status.message);
    return status;
  }
  const auto type = info.Get<cl_device_type>(CL_DEVICE_TYPE);
  made.kind = KindOf(type);
  made.on_host_cores = (type & CL_DEVICE_TYPE_CPU) != 0;
  made.driver = sdk::Cat(PlatformText(api, platform, CL_PLATFORM_NAME), " ", info.Text(CL_DRIVER_VERSION), ", ",
                         info.Text(CL_DEVICE_VERSION));
  made.memory_bytes = info.Get<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE);
  made.max_allocation_bytes = std::min<uint64_t>(info.Get<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE), made.memory_bytes);
  ChooseLimits(info, &made);
  FindSubgroups(info, &made);
  FindInt8Dot(info, &made);
  made.limits.has_fp16 = info.HasExtension("cl_khr_fp16");
  made.features = FeaturesOf(made);
  made.fingerprint =
      sdk::Cat(info.Text(CL_DEVICE_VENDOR), "/", made.name, "/", made.driver, "/",
               PlatformText(api, platform, CL_PLATFORM_VERSION), "/", std::string_view(CONCORD_PLUGIN_VERSION));
  return made;
}

sdk::Result<std::vector<Adapter>> Adapter::FindAll(const Api& api, std::vector<std::string>* refused) {
  cl_uint n_platforms = 0;
  const cl_int result = api.clGetPlatformIDs(0, nullptr, &n_platforms);
  if (result != CL_SUCCESS || n_platforms == 0) {
    sdk::Status status = ClError(result == CL_SUCCESS ? CL_DEVICE_NOT_FOUND : result, "clGetPlatformIDs");
    status.code = CONCORD_UNAVAILABLE;  // no driver is installed, or none that works: not a fault
    status.message +=
        ": no OpenCL driver works here; install the driver of your GPU (Debian, for the CPU: pocl-opencl-icd)";
    return status;
  }
  std::vector<cl_platform_id> platforms(n_platforms);
  CONCORD_CL_RETURN_IF_ERROR(api.clGetPlatformIDs(n_platforms, platforms.data(), nullptr));
  std::vector<Adapter> found;
  for (cl_platform_id platform : platforms) {
    cl_uint n_devices = 0;
    // A platform without devices says so by an error.
    if (api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &n_devices) != CL_SUCCESS || n_devices == 0) {
      refused->push_back(sdk::Cat(PlatformText(api, platform, CL_PLATFORM_NAME), " has no device"));
      continue;
    }
    std::vector<cl_device_id> devices(n_devices);
    CONCORD_CL_RETURN_IF_ERROR(api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n_devices, devices.data(), nullptr));
    for (cl_device_id device : devices) {
      sdk::Result<Adapter> adapter = Judge(api, platform, device);
      if (adapter.ok()) {
        found.push_back(std::move(*adapter));
      } else {
        refused->push_back(adapter.status().message);
      }
    }
  }
  return found;
}

}  // namespace concord::opencl
