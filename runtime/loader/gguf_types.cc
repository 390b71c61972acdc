#include "runtime/loader/gguf_types.h"

#include "absl/strings/str_cat.h"

namespace concord::loader {
namespace {

constexpr GgufTensorType kTypes[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84},    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},    {41, "Q1_0", 128, 18},    {42, "Q2_0", 64, 18},
};

struct NamedId {
  uint32_t id;
  const char* name;
};

// Removed again from GGUF; their ids are not used for anything else.
constexpr NamedId kRemoved[] = {{4, "Q4_2"},      {5, "Q4_3"},        {31, "Q4_0_4_4"},   {32, "Q4_0_4_8"},
                                {33, "Q4_0_8_8"}, {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}};

// ik_llama.cpp numbers its own types from 97 on; they are not interchangeable with any other program.
constexpr uint32_t kFirstIkId = 97;
constexpr NamedId kIk[] = {{133, "Q6_0"}};
constexpr uint32_t kLastIkId = 999;  // a larger number is rather damage than a type

constexpr const char* kValueNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                       "bool", "string", "array", "u64", "i64", "f64"};
constexpr int64_t kValueBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

}  // namespace

int64_t GgufValueBytes(uint32_t type) { return type < std::size(kValueBytes) ? kValueBytes[type] : 0; }

std::string GgufValueName(uint32_t type) {
  return type < std::size(kValueNames) ? kValueNames[type] : absl::StrCat("value type ", type);
}

const GgufTensorType* FindGgufTensorType(uint32_t id) {
  for (const GgufTensorType& type : kTypes) {
    if (static_cast<uint32_t>(type.id) == id) return &type;
  }
  return nullptr;
}

std::string DescribeGgufTensorType(uint32_t id) {
  for (const NamedId& removed : kRemoved) {
    if (removed.id == id) return absl::StrCat("type ", id, " (", removed.name, ", removed from GGUF)");
  }
  for (const NamedId& own : kIk) {
    if (own.id == id) return absl::StrCat("type ", id, " (", own.name, ", ik_llama.cpp's own)");
  }
  if (id >= kFirstIkId && id <= kLastIkId) return absl::StrCat("type ", id, ", which is ik_llama.cpp's own");
  return absl::StrCat("the unknown type ", id);
}

}  // namespace concord::loader
