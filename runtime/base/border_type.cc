#include "runtime/base/border_type.h"

#include <cstring>

namespace concord {

concord_type BorderType(const packing::Packing& packing) {
  static constexpr struct {
    const char* name;
    int32_t storage;
  } kPlain[] = {{"f32", CONCORD_STORAGE_F32}, {"f16", CONCORD_STORAGE_F16}, {"bf16", CONCORD_STORAGE_BF16},
                {"i8", CONCORD_STORAGE_I8},   {"u8", CONCORD_STORAGE_U8},   {"i32", CONCORD_STORAGE_I32},
                {"i64", CONCORD_STORAGE_I64}};
  int32_t storage = CONCORD_STORAGE_BLOCK;
  for (const auto& plain : kPlain) {
    if (std::strcmp(packing.name, plain.name) == 0) storage = plain.storage;
  }
  return {{packing.name, std::strlen(packing.name)}, storage, packing.block_elems, packing.block_bytes, 0};
}

}  // namespace concord
