#include "backends/opencl/sources.h"

namespace concord::opencl {
namespace {

// The texts of the parts and a row for each kernel, written by the build (CMakeLists.txt).
#include "backends/opencl/sources.inc"

}  // namespace

std::string Source::Text() const {
  std::string text;
  for (const char* part : parts) {
    if (part != nullptr) text += part;
  }
  return text;
}

const Source* FindSource(std::string_view name) {
  for (const Source& source : kSources) {
    if (name == source.name) return &source;
  }
  return nullptr;
}

}  // namespace concord::opencl
