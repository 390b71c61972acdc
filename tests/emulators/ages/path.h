#pragma once

// Plugins of another age than this host's, for --plugin.
#define CONCORD_AGE_PLUGIN(age) (CONCORD_BINARY_DIR "/tests/plugins/libconcord_backend_" age ".so")
