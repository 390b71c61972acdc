#pragma once

#include <string>

namespace concord::e2e {

// Writes the model in `from` to the file `to`, with its tensors of type `packed` stored as `plain` ("f16", "f32").
void WriteUnpacked(const std::string& from, const std::string& to, const char* packed, const char* plain);

}  // namespace concord::e2e
