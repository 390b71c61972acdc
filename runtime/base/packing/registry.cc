#include <cstring>

#include "runtime/base/packing/packing.h"
#include "runtime/base/packing/packing_headers.inc"

namespace concord::packing {
namespace {

constexpr const Packing* kAll[] = {
#define CONCORD_PACKING(word) &word::kPacking,
#include "runtime/base/packing/packings.inc"
#undef CONCORD_PACKING
};
constexpr int32_t kCount = sizeof kAll / sizeof kAll[0];

}  // namespace

const Packing* Find(const char* name) {
  if (name == nullptr) return nullptr;
  for (const Packing* packing : kAll) {
    if (std::strcmp(packing->name, name) == 0) return packing;
  }
  return nullptr;
}

const Packing* FindGguf(int32_t gguf_type) {
  if (gguf_type < 0) return nullptr;  // -1 stands for "not in GGUF" and names nothing
  for (const Packing* packing : kAll) {
    if (packing->gguf_type == gguf_type) return packing;
  }
  return nullptr;
}

const Packing* const* All(int32_t* count) {
  *count = kCount;
  return kAll;
}

}  // namespace concord::packing
