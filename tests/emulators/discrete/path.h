#pragma once

// The plugin of this folder, for LoadOptions.plugins and --plugin.
#define CONCORD_DISCRETE_PLUGIN (CONCORD_BINARY_DIR "/tests/plugins/libconcord_backend_discrete.so")
