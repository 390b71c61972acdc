#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace concord {

// FNV-1a, 64 bits, the same on every host and in every process: for keys of what is kept on disk, not for secrets.
// `seed`: the hash of what comes before.
inline uint64_t Hash64(absl::string_view bytes, uint64_t seed = 0xcbf29ce484222325u) {
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return seed;
}

}  // namespace concord
