#include "tests/unit/kernels/emulated_tiles.h"

#if defined(__x86_64__)
#include <cmath>
#include <cstdint>
#include <cstring>

#define CONCORD_ISA_NAMESPACE emulated_tiles
#include "kernels/cpu/impl/simd.h"  // brings the instructions' names, which are then given another meaning

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: LDTILECFG, TILELOADD, TILESTORED, TILEZERO,
// TDPBSSD, TDPBF16PS (without its flushing of subnormal numbers).
namespace concord::kernels::tiles {
namespace {

struct Tile {
  int rows, row_bytes;
  uint8_t bytes[16][64];

  template <typename T>
  T Get(int row, int i) const {
    T v;
    std::memcpy(&v, bytes[row] + i * static_cast<int>(sizeof(T)), sizeof(T));
    return v;
  }
  template <typename T>
  void Set(int row, int i, T v) {
    std::memcpy(bytes[row] + i * static_cast<int>(sizeof(T)), &v, sizeof(T));
  }
};
Tile tile[8];

void LoadConfig(const void* config) {
  const auto* at = static_cast<const uint8_t*>(config);
  for (int i = 0; i < 8; ++i) {
    tile[i] = {};
    tile[i].row_bytes = at[16 + 2 * i] | at[17 + 2 * i] << 8;
    tile[i].rows = at[48 + i];
  }
}
void Release() {
  for (Tile& t : tile) t = {};
}
void Zero(int t) { std::memset(tile[t].bytes, 0, sizeof(tile[t].bytes)); }
void Load(int t, const void* from, int64_t stride) {
  Zero(t);
  for (int r = 0; r < tile[t].rows; ++r) {
    std::memcpy(tile[t].bytes[r], static_cast<const uint8_t*>(from) + r * stride,
                static_cast<size_t>(tile[t].row_bytes));
  }
}
void Store(int t, void* to, int64_t stride) {
  for (int r = 0; r < tile[t].rows; ++r) {
    std::memcpy(static_cast<uint8_t*>(to) + r * stride, tile[t].bytes[r], static_cast<size_t>(tile[t].row_bytes));
  }
}

void DotBytes(int sum, int a, int b) {
  for (int m = 0; m < tile[sum].rows; ++m) {
    for (int n = 0; n < tile[sum].row_bytes / 4; ++n) {
      auto v = tile[sum].Get<int32_t>(m, n);
      for (int k = 0; k < tile[a].row_bytes; ++k) {
        v += tile[a].Get<int8_t>(m, k) * tile[b].Get<int8_t>(k / 4, 4 * n + k % 4);
      }
      tile[sum].Set(m, n, v);
    }
  }
}
float FromBf16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float v;
  std::memcpy(&v, &bits, 4);
  return v;
}
void DotBf16(int sum, int a, int b) {
  for (int m = 0; m < tile[sum].rows; ++m) {
    for (int n = 0; n < tile[sum].row_bytes / 4; ++n) {
      float part[2] = {};  // of even and of odd elements
      for (int k = 0; k < tile[a].row_bytes / 2; ++k) {
        part[k % 2] = std::fmaf(FromBf16(tile[a].Get<uint16_t>(m, k)),
                                FromBf16(tile[b].Get<uint16_t>(k / 2, 2 * n + k % 2)), part[k % 2]);
      }
      tile[sum].Set(m, n, tile[sum].Get<float>(m, n) + (part[0] + part[1]));
    }
  }
}

}  // namespace
}  // namespace concord::kernels::tiles

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) concord::kernels::tiles::LoadConfig(config)
#define _tile_release() concord::kernels::tiles::Release()
#define _tile_zero(t) concord::kernels::tiles::Zero(t)
#define _tile_loadd(t, from, stride) concord::kernels::tiles::Load(t, from, stride)
#define _tile_stored(t, to, stride) concord::kernels::tiles::Store(t, to, stride)
#define _tile_dpbssd(sum, a, b) concord::kernels::tiles::DotBytes(sum, a, b)
#define _tile_dpbf16ps(sum, a, b) concord::kernels::tiles::DotBf16(sum, a, b)
#define __AMX_INT8__ 1
#define __AMX_BF16__ 1
#include "kernels/cpu/impl/linear_list.h"

namespace concord::kernels {

const LinearKernel* FindEmulatedTiles(const char* packing, const char* arithmetic) {
  if (!IsaSupported(Isa::kAvx512Vnni)) return nullptr;
  for (const LinearKernel& kernel : emulated_tiles::kLinearKernels) {
    if (std::strcmp(kernel.packing, packing) == 0 && std::strcmp(kernel.arithmetic, arithmetic) == 0) return &kernel;
  }
  return nullptr;
}

}  // namespace concord::kernels
#else
namespace concord::kernels {
const LinearKernel* FindEmulatedTiles(const char*, const char*) { return nullptr; }
}  // namespace concord::kernels
#endif
