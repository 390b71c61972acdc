#pragma once

#include <string>
#include <vector>

#include "runtime/cli/model_options.h"

namespace concord::cli {

// The folder of the plugins that came with this program, in its build or install tree; "" where there is none.
std::string OwnPluginFolder();

// The plugins of our own that --device asks for and --plugin does not give. The others stay closed: a GPU driver takes
// longer to start than a small model to load.
std::vector<std::string> OwnPlugins(const DeviceOptions& options);

}  // namespace concord::cli
