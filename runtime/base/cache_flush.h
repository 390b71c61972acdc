#pragma once

#include <cstddef>

namespace concord {

// Pushes memory out of every cache of the processor, so that who reads it next waits for the memory itself: how else
// is it measured, where the last cache holds hundreds of megabytes? False, with nothing done, on processors that let
// no program do that. Takes some nanoseconds a line.
bool FlushFromCaches(const void* memory, size_t size_bytes);

}  // namespace concord
