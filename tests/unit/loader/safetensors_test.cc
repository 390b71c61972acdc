#include "runtime/loader/safetensors.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader_testing.h"

namespace concord::loader {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string File(const std::string& header, const std::string& data) {
  return ByteString().Str(header).Raw(data).str();
}

constexpr char kHeader[] =
    R"({"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [2, 26]},
        "h": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}, "z": {"dtype": "F16", "shape": [0, 4],
        "data_offsets": [26, 26]}, "s": {"dtype": "I64", "shape": [], "data_offsets": [26, 34]},
        "q": {"dtype": "F8_E4M3", "shape": [3], "data_offsets": [34, 37]}})";

std::string Valid() { return File(kHeader, std::string(37, '\x21')); }

absl::StatusOr<size_t> ReadCount(const std::string& file) {
  const ExactBytes bytes(file);
  const auto tensors = ReadSafetensors(bytes.span(), "m.safetensors");
  if (!tensors.ok()) return tensors.status();
  size_t sum = 0;
  for (const Tensor& tensor : *tensors) {
    for (int64_t i = 0; i < tensor.size_bytes; ++i) sum += static_cast<size_t>(tensor.data[i]);
  }
  EXPECT_LE(sum, file.size() * 255);
  return tensors->size();
}

TEST(Safetensors, ReadsTensors) {
  const ExactBytes bytes(Valid());
  const auto tensors = ReadSafetensors(bytes.span(), "m");
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 5u);
  const Tensor& w = (*tensors)[1];
  EXPECT_EQ((*tensors)[0].name, "h");  // in the order of their places
  EXPECT_EQ((*tensors)[0].type, packing::Find("bf16"));
  EXPECT_EQ(w.name, "w");
  EXPECT_THAT(w.dims, ElementsAre(2, 3));
  EXPECT_EQ(w.type, packing::Find("f32"));
  EXPECT_EQ(w.data - (*tensors)[0].data, 2);  // unaligned is legal
  EXPECT_EQ((*tensors)[2].size_bytes, 0);
  EXPECT_EQ((*tensors)[3].type, packing::Find("i64"));
  EXPECT_TRUE((*tensors)[3].dims.empty());
  EXPECT_EQ((*tensors)[4].type, nullptr);
  EXPECT_EQ((*tensors)[4].file_type, "F8_E4M3");
}

TEST(Safetensors, AHeaderLengthThatLooksLikeAPickleIsNone) {
  std::string header = "{}";
  header.resize(0x0280, ' ');  // its length begins with the bytes 80 02, like a pickle
  EXPECT_TRUE(ReadCount(File(header, "")).ok());
  const std::string pickle = "\x80\x02}q\x01(X\x05, and so on";
  EXPECT_THAT(Message(ReadCount(pickle).status()), HasSubstr("pickle"));
}

TEST(Safetensors, EveryTruncationAndChangeIsSafe) {
  const std::string whole = Valid();
  ASSERT_TRUE(ReadCount(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(ReadCount(whole.substr(0, size)).ok()) << size;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int flip : {0x01, 0x10, 0x80, 0xFF}) {
      std::string spoilt = whole;
      spoilt[at] = static_cast<char>(spoilt[at] ^ flip);
      ReadCount(spoilt).IgnoreError();
    }
  }
}

TEST(Safetensors, EachFaultIsNamed) {
  const auto entry = [](const std::string& fields) { return "{\"w\": {" + fields + "}}"; };
  const std::string f32 = "\"dtype\": \"F32\", ";
  const struct {
    std::string file;
    std::vector<std::string> words;
  } cases[] = {
      {"", {"at least 8 bytes"}},
      {ByteString().U64(1ull << 40).str(), {"1099511627776"}},
      {ByteString().U64(~0ull).str(), {"18446744073709551615"}},
      {File("[]", ""), {"begin with '{'"}},
      {File("{\"w\"", ""), {"JSON"}},
      {File("{} {}", ""), {"JSON"}},
      {File("{\"w\": 3}", ""), {"'w'", "object"}},
      {File(entry("\"shape\": [1], \"data_offsets\": [0, 4]"), "abcd"), {"'w'", "dtype"}},
      {File(entry(f32 + "\"shape\": [-1], \"data_offsets\": [0, 4]"), "abcd"), {"'w'", "shape"}},
      {File(entry(f32 + "\"shape\": [1.5], \"data_offsets\": [0, 4]"), "abcd"), {"'w'", "shape"}},
      {File(entry(f32 + "\"shape\": [1,1,1,1,1,1,1,1,1], \"data_offsets\": [0, 4]"), "abcd"), {"'w'", "shape"}},
      {File(entry(f32 + "\"shape\": [1]"), "abcd"), {"'w'", "data_offsets"}},
      {File(entry(f32 + "\"shape\": [1], \"data_offsets\": [0, 4, 5]"), "abcd"), {"'w'", "data_offsets"}},
      {File(entry(f32 + "\"shape\": [1], \"data_offsets\": [4, 0]"), "abcd"), {"'w'", "4 to 0"}},
      {File(entry(f32 + "\"shape\": [2], \"data_offsets\": [0, 8]"), "abcd"), {"'w'", "holds 4", "copied whole"}},
      {File(entry(f32 + "\"shape\": [2], \"data_offsets\": [0, 4]"), "abcd"), {"'w'", "want 8"}},
      {File(entry(f32 + "\"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 4]"), "abcd"), {"overflows"}},
      {File(entry(f32 + "\"shape\": [1], \"data_offsets\": [1, 5]"), "abcde"), {"'w'", "hole"}},
      {File(entry(f32 + "\"shape\": [1], \"data_offsets\": [0, 4]"), "abcdefgh"), {"end at 4", "holds 8"}},
      {File(entry(f32 + "\"shape\": [1], \"data_offsets\": [0, 18446744073709551615]"), "abcd"), {"'w'"}},
      {File(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}})",
            "abcdef"),
       {"'b'", "overlap"}},
      {File(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})",
            "ab"),
       {"'a' twice"}},
      {File("{\"w\": {\"x\": {\"y\": {\"z\": {}}}}}", ""), {"deeper"}},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", {"Git LFS pointer", "git lfs pull"}},
  };
  for (const auto& test : cases) {
    const absl::Status status = ReadCount(test.file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.file;
    EXPECT_THAT(Message(status), HasSubstr("m.safetensors")) << test.file;
    for (const std::string& word : test.words) EXPECT_THAT(Message(status), HasSubstr(word)) << test.file;
  }
}

}  // namespace
}  // namespace concord::loader
