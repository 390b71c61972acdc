#include "runtime/exec/kv_rows.h"

#include <algorithm>
#include <cstring>

namespace concord::exec {
namespace {

constexpr int64_t kElemsAtOnce = 1024;  // a multiple of every packing's block

uint64_t Mix(uint64_t sum, uint64_t word) {
  sum = (sum ^ word) * 0x9E3779B97F4A7C15u;  // odd: a bijection
  return sum ^ sum >> 32;                    // brings the high bits down, where the next product spreads them
}

}  // namespace

bool ConvertElems(const packing::Packing& from, const void* in, const packing::Packing& to, void* out, int64_t elems) {
  if (&from == &to) return std::memcpy(out, in, static_cast<size_t>(from.Bytes(elems))), true;
  float values[kElemsAtOnce];
  const char* source = static_cast<const char*>(in);
  char* target = static_cast<char*>(out);
  for (int64_t done = 0; done < elems; done += kElemsAtOnce) {
    const int64_t count = std::min(kElemsAtOnce, elems - done);
    from.decode(source, count / from.block_elems, values);
    if (!to.encode(values, count / to.block_elems, target)) return false;
    source += from.Bytes(count), target += to.Bytes(count);
  }
  return true;
}

uint64_t ChecksumOf(const void* bytes, int64_t size, uint64_t sum) {
  const char* at = static_cast<const char*>(bytes);
  uint64_t word = 0;
  for (; size >= 8; at += 8, size -= 8) {
    std::memcpy(&word, at, 8);
    sum = Mix(sum, word);
  }
  if (size == 0) return sum;
  word = 0;
  std::memcpy(&word, at, static_cast<size_t>(size));
  return Mix(sum, word);
}

}  // namespace concord::exec
