#include "backends/gpu/instance.h"
#include "backends/opencl/adapter.h"
#include "backends/opencl/api.h"
#include "backends/opencl/driver.h"

namespace concord::opencl {
namespace {

using OpenClInstance = gpu::Instance<Api, Adapter, OpenClDriver>;

}  // namespace
}  // namespace concord::opencl

CONCORD_PLUGIN(opencl, "Concord", concord::opencl::OpenClInstance)
