#include "backends/cpu/device.h"
#include "backends/sdk/sdk.h"

CONCORD_PLUGIN(cpu, "Concord", concord::sdk::HostInstance<concord::cpu::CpuDevice>)
