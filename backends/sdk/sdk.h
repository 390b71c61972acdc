#pragma once

// Everything an author of a plugin needs. Header-only C++17; depends on the standard library and concord/plugin.h.
#include "backends/sdk/arrays.h"
#include "backends/sdk/async_queue.h"
#include "backends/sdk/bindings.h"
#include "backends/sdk/disk_cache.h"
#include "backends/sdk/graph.h"
#include "backends/sdk/host_device.h"
#include "backends/sdk/host_instance.h"
#include "backends/sdk/inline_queue.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/op_table.h"
#include "backends/sdk/queue_calls.h"
#include "backends/sdk/range_allocator.h"
#include "backends/sdk/status.h"
#include "backends/sdk/timeline.h"
#include "backends/sdk/trampolines.h"
#include "backends/sdk/work.h"
