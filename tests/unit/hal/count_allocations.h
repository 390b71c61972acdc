#pragma once

#include <cstdint>

namespace concord {

// Starts (from 0) or stops counting what any thread of this test program gets from operator new; returns the count.
int64_t CountAllocations(bool count);

}  // namespace concord
