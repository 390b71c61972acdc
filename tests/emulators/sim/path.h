#pragma once

// The plugin of this folder, for LoadOptions.plugins and --plugin. CONCORD_SIM says what it simulates (README.md).
#define CONCORD_SIM_PLUGIN (CONCORD_BINARY_DIR "/tests/plugins/libconcord_backend_sim.so")
