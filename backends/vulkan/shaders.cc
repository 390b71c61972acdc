#include "backends/vulkan/shaders.h"

namespace concord::vulkan {
namespace {

// Arrays of words and a row each, written by the build (CMakeLists.txt).
#include "backends/vulkan/shaders.inc"

}  // namespace

const Shader* FindShader(std::string_view name, uint32_t features) {
  for (const Shader& shader : kShaders) {
    if (shader.features == features && name == shader.name) return &shader;
  }
  return nullptr;
}

}  // namespace concord::vulkan
