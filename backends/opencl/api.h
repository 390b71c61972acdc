#pragma once

// What is newer than OpenCL 1.2 is asked for at run time.
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include <memory>
#include <string>

#include "backends/sdk/sdk.h"

// The functions of OpenCL 1.2 that are used, found at run time, so that a machine without OpenCL loads this plugin too.
namespace concord::opencl {

#define CONCORD_CL_FUNCTIONS(F)   \
  F(clBuildProgram)               \
  F(clCreateBuffer)               \
  F(clCreateCommandQueue)         \
  F(clCreateContext)              \
  F(clCreateKernel)               \
  F(clCreateProgramWithBinary)    \
  F(clCreateProgramWithSource)    \
  F(clEnqueueBarrierWithWaitList) \
  F(clEnqueueCopyBuffer)          \
  F(clEnqueueFillBuffer)          \
  F(clEnqueueMapBuffer)           \
  F(clEnqueueMarkerWithWaitList)  \
  F(clEnqueueNDRangeKernel)       \
  F(clEnqueueReadBuffer)          \
  F(clEnqueueUnmapMemObject)      \
  F(clEnqueueWriteBuffer)         \
  F(clFinish)                     \
  F(clFlush)                      \
  F(clGetDeviceIDs)               \
  F(clGetDeviceInfo)              \
  F(clGetEventInfo)               \
  F(clGetEventProfilingInfo)      \
  F(clGetKernelWorkGroupInfo)     \
  F(clGetPlatformIDs)             \
  F(clGetPlatformInfo)            \
  F(clGetProgramBuildInfo)        \
  F(clGetProgramInfo)             \
  F(clReleaseCommandQueue)        \
  F(clReleaseContext)             \
  F(clReleaseEvent)               \
  F(clReleaseKernel)              \
  F(clReleaseMemObject)           \
  F(clReleaseProgram)             \
  F(clSetKernelArg)               \
  F(clWaitForEvents)

// The loader's library and its functions. Lives as long as anything made through it.
class Api {
 public:
  static constexpr const char* kName = "OpenCL";

  // UNAVAILABLE, with what to install, where there is none.
  static sdk::Result<std::unique_ptr<Api>> Create(const sdk::Host* host);

#define CONCORD_CL_MEMBER(name) decltype(&::name) name = nullptr;
  CONCORD_CL_FUNCTIONS(CONCORD_CL_MEMBER)
#undef CONCORD_CL_MEMBER
};

// "clFlush: CL_OUT_OF_RESOURCES (-5)", with the code of the border that fits, and the cl_int as vendor_code.
sdk::Status ClError(cl_int result, const char* what);

// Of what WaitFor returns: as ClError, but that the device may be lost.
sdk::Status LostError(cl_int result);

// Waits until the command of an event is complete and returns the command's own result.
cl_int WaitFor(const Api& api, cl_event event);

#define CONCORD_CL_RETURN_IF_ERROR(call)                                                        \
  do {                                                                                          \
    const cl_int result_of_call = (call);                                                       \
    if (result_of_call != CL_SUCCESS) return ::concord::opencl::ClError(result_of_call, #call); \
  } while (false)

}  // namespace concord::opencl
