#include "backends/opencl/api.h"

#include <dlfcn.h>

#include <cstring>
#include <string_view>

namespace concord::opencl {
namespace {

// Of extensions, whose header need not be installed.
constexpr cl_int kPlatformNotFound = -1001, kNvidiaIllegalAccess = -9999;

const char* NameOf(cl_int result) {
  switch (result) {
#define CONCORD_CL_NAME(name) \
  case name:                  \
    return #name
    CONCORD_CL_NAME(CL_DEVICE_NOT_FOUND);
    CONCORD_CL_NAME(CL_DEVICE_NOT_AVAILABLE);
    CONCORD_CL_NAME(CL_COMPILER_NOT_AVAILABLE);
    CONCORD_CL_NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE);
    CONCORD_CL_NAME(CL_OUT_OF_RESOURCES);
    CONCORD_CL_NAME(CL_OUT_OF_HOST_MEMORY);
    CONCORD_CL_NAME(CL_MEM_COPY_OVERLAP);
    CONCORD_CL_NAME(CL_BUILD_PROGRAM_FAILURE);
    CONCORD_CL_NAME(CL_MAP_FAILURE);
    CONCORD_CL_NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    CONCORD_CL_NAME(CL_INVALID_VALUE);
    CONCORD_CL_NAME(CL_INVALID_DEVICE);
    CONCORD_CL_NAME(CL_INVALID_CONTEXT);
    CONCORD_CL_NAME(CL_INVALID_COMMAND_QUEUE);
    CONCORD_CL_NAME(CL_INVALID_MEM_OBJECT);
    CONCORD_CL_NAME(CL_INVALID_BINARY);
    CONCORD_CL_NAME(CL_INVALID_BUILD_OPTIONS);
    CONCORD_CL_NAME(CL_INVALID_PROGRAM_EXECUTABLE);
    CONCORD_CL_NAME(CL_INVALID_KERNEL_NAME);
    CONCORD_CL_NAME(CL_INVALID_ARG_INDEX);
    CONCORD_CL_NAME(CL_INVALID_ARG_SIZE);
    CONCORD_CL_NAME(CL_INVALID_KERNEL_ARGS);
    CONCORD_CL_NAME(CL_INVALID_WORK_GROUP_SIZE);
    CONCORD_CL_NAME(CL_INVALID_BUFFER_SIZE);
#undef CONCORD_CL_NAME
    case kPlatformNotFound:
      return "CL_PLATFORM_NOT_FOUND_KHR";
    case kNvidiaIllegalAccess:
      return "an access to memory that is not there";
    default:
      return "cl_int";
  }
}

int32_t CodeOf(cl_int result) {
  switch (result) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_RESOURCES:
    case CL_OUT_OF_HOST_MEMORY:
    case CL_INVALID_BUFFER_SIZE:
      return CONCORD_RESOURCE_EXHAUSTED;
    case CL_DEVICE_NOT_FOUND:
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_COMPILER_NOT_AVAILABLE:
    case kPlatformNotFound:
    case kNvidiaIllegalAccess:
      return CONCORD_UNAVAILABLE;
    default:
      return CONCORD_INTERNAL;
  }
}

}  // namespace

sdk::Status ClError(cl_int result, const char* what) {
  // The name of the function, without what a pointer to its table stands in front.
  std::string_view call(what, std::strcspn(what, "("));
  if (const size_t at = call.rfind("cl"); at != std::string_view::npos) call.remove_prefix(at);
  sdk::Status status = sdk::Error(CodeOf(result), call, ": ", std::string_view(NameOf(result)), " (", result, ")");
  status.vendor_code = result;
  return status;
}

// Out of resources while it runs: drivers say so of a kernel that was stopped and of a device that was reset or is
// gone.
sdk::Status LostError(cl_int result) {
  sdk::Status status = ClError(result, "clWaitForEvents");
  if (result == CL_MEM_OBJECT_ALLOCATION_FAILURE || result == CL_OUT_OF_HOST_MEMORY) return status;
  status.code = CONCORD_UNAVAILABLE;
  status.message += ": the device stopped in the middle of its work; close it and open it again";
  return status;
}

cl_int WaitFor(const Api& api, cl_event event) {
  cl_int result = api.clWaitForEvents(1, &event);
  // Of a command that has failed the wait says no more than that it has.
  cl_int state = CL_COMPLETE;
  if (api.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(state), &state, nullptr) == CL_SUCCESS &&
      state < 0) {
    result = state;
  }
  return result;
}

sdk::Result<std::unique_ptr<Api>> Api::Create(const sdk::Host*) {
  // Never closed: drivers keep threads of their own, and code that they have registered for the end of the process.
  void* library = nullptr;
  for (const char* file : {"libOpenCL.so.1", "libOpenCL.so"}) {
    if (library == nullptr) library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    return sdk::Error(CONCORD_UNAVAILABLE, "libOpenCL.so.1 is not installed: install the OpenCL loader (Debian: ",
                      std::string_view("ocl-icd-libopencl1) and the driver of your GPU"));
  }
  auto made = std::make_unique<Api>();
#define CONCORD_CL_FIND(name)                                                                               \
  made->name = reinterpret_cast<decltype(made->name)>(dlsym(library, #name));                               \
  if (made->name == nullptr) {                                                                              \
    return sdk::Error(CONCORD_UNAVAILABLE, "the OpenCL loader has no " #name ": want OpenCL 1.2 or later"); \
  }
  CONCORD_CL_FUNCTIONS(CONCORD_CL_FIND)
#undef CONCORD_CL_FIND
  return made;
}

}  // namespace concord::opencl
