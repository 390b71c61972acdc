#include "runtime/graph/proto.h"

#include <cmath>
#include <fstream>
#include <iterator>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using ::testing::HasSubstr;
using testing::TinyLlama;

Module Tiny(testing::TinyShape shape = {}) {
  absl::StatusOr<Module> module = TinyLlama(shape).Build();
  EXPECT_TRUE(module.ok()) << module.status();
  return module.ok() ? *module : Module();
}

// A module that uses every field of every message.
Module Everything() {
  Module m = Tiny({.d_model = 64, .d_head = 32, .d_ff = 64, .weight_packing = "q8_0", .kv_packing = "q8_0"});
  EXPECT_FALSE(m.weights.empty());
  if (m.weights.empty()) return m;
  m.main.symbols[0].min = 1, m.main.symbols[0].max = 512;
  m.weights[0].source.transpose = true;
  m.weights[0].source.add = 0.1;  // has no short binary form
  m.weights[0].source.row_begin = 3, m.weights[0].source.row_count = 37;
  m.state_groups[0].kind = "window", m.state_groups[0].window = 17;
  for (Weight& weight : m.weights) {
    if (weight.source.tensor.empty()) weight.source.values = {1.0f / 3, 1e-38f, 3e38f, -0.0f};
  }
  return m;
}

TEST(Proto, ModulesSurviveBothForms) {
  for (const Module& module : {Tiny(), Everything(), Tiny({.n_layers = 0})}) {
    absl::StatusOr<Module> binary = ModuleFromProto(ModuleToProto(module));
    ASSERT_TRUE(binary.ok()) << binary.status();
    EXPECT_TRUE(*binary == module);
    absl::StatusOr<Module> text = ModuleFromTextProto(ModuleToTextProto(module));
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_TRUE(*text == module);
  }
}

// Experts that are a tensor each in the file, and what is no stack of them.
TEST(Proto, StacksSurviveAndAreChecked) {
  Builder b("experts");
  const ops::Dim n = ops::Dim::Symbol(ops::kNTokens);
  const ValueId x = b.Input("x", {n, 64}, "f32"), ids = b.Input("ids", {n, 2});
  const ops::TensorType type{packing::Find("f16"), {3, 32, 64}, ""};
  const ValueId w = b.Weight("w", type, {.tensor = "first", .stack = {"second", "third"}});
  b.Output("y", b.Apply1("linear_experts", {{"x", x}, {"w", w}, {"ids", ids}}));
  absl::StatusOr<Module> module = b.Finish();
  ASSERT_TRUE(module.ok()) << module.status();
  const absl::StatusOr<Module> text = ModuleFromTextProto(ModuleToTextProto(*module));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(*text == *module);
  module->weights[0].source.stack.push_back("fourth");
  EXPECT_NE(Validate(*module).message().find("which is no stack of 4 tensors"), absl::string_view::npos);
}

bool Has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Proto, TextReadsLikeAModel) {
  const std::string text = ModuleToTextProto(Tiny());
  EXPECT_TRUE(Has(text, "type: \"f32[n_tokens, 4, 8]\""));
  EXPECT_TRUE(Has(text, "op: \"rms_norm\""));
  EXPECT_TRUE(Has(text, "scope: \"layers.1\""));
  EXPECT_TRUE(Has(text, "type: \"i32[n_seqs+1]\""));
}

TEST(Proto, HandWrittenTextNeedsNoDefaults) {
  absl::StatusOr<Module> module = ModuleFromTextProto(R"(
    format: 1 name: "m"
    symbols { name: "n" }
    values { name: "x" role: INPUT type: "f32[n, 4]" }
    values { type: "f32[n, 4]" }
    nodes { op: "rms_norm" inputs { slot: "x" value: 0 } outputs { slot: "y" value: 1 } }
    outputs { name: "y" value: 1 })");
  ASSERT_TRUE(module.ok()) << module.status();
  EXPECT_EQ(module->main.symbols[0].max, INT32_MAX);
  EXPECT_EQ(module->main.nodes[0].inputs, (std::vector<ValueId>{0, kNoValue}));
}

std::string ErrorOf(const std::string& text) { return std::string(ModuleFromTextProto(text).status().message()); }

TEST(Proto, ErrorsSayWhere) {
  const std::string good = R"(format: 1 name: "m" symbols { name: "n" }
    values { name: "x" role: INPUT type: "f32[n, 4]" }
    values { type: "f32[n, 4]" }
    nodes { op: "scale" version: 1 inputs { slot: "x" value: 0 } outputs { slot: "y" value: 1 } attrs { key: "factor" f: 2 } scope: "l" }
    outputs { name: "y" value: 1 } state_groups { name: "kv" kind: "paged" block_tokens: 4 })";
  ASSERT_EQ(ErrorOf(good), "");
  const auto with = [&](const char* from, const char* to) {
    const std::string text = absl::StrReplaceAll(good, {{from, to}});
    EXPECT_NE(text, good) << from;
    return ErrorOf(text);
  };
  EXPECT_THAT(with("format: 1", "format: 2"), HasSubstr("format 2"));
  EXPECT_THAT(with("format: 1", "form: 1"), HasSubstr("line 1, column"));
  EXPECT_THAT(with("\"scale\"", "\"scaled\""), HasSubstr("nodes[0]: the op 'scaled' is not known"));
  EXPECT_THAT(with("version: 1", "version: 9"), HasSubstr("version 9 of scale"));
  EXPECT_THAT(with("f32[", "f33["), HasSubstr("values[0]: the packing of the type 'f33[n, 4]' is not known"));
  EXPECT_THAT(with("f32[n, 4]", "f32"), HasSubstr("does not read like"));
  EXPECT_THAT(with("f32[n, 4]", ""), HasSubstr("does not read like"));
  EXPECT_THAT(with("[n, 4]", "[]"), HasSubstr("names no declared symbol"));
  EXPECT_THAT(with("[n, 4]", "[m, 4]"), HasSubstr("'m' names no declared symbol"));
  EXPECT_THAT(with("[n, 4]", "[n+x, 4]"), HasSubstr("'n+x'"));
  EXPECT_THAT(with("[n, 4]", "[n-1, 4]"), HasSubstr("can become negative"));
  EXPECT_THAT(with(", 4]", ", 99999999999999999999]"), HasSubstr("names no declared symbol"));
  EXPECT_THAT(with(", 4]", ", 999999999999999999]"), HasSubstr("above 2^48"));
  EXPECT_THAT(with(", 4]", ", 200000000000000, 200000000000000]"), HasSubstr("more than 2^60 bytes"));
  EXPECT_THAT(with(", 4]", ", 1, 1, 1, 1, 1]"), HasSubstr("6 dims"));
  EXPECT_THAT(with("value: 0", "value: 7"), HasSubstr("value 7 is absent"));
  EXPECT_THAT(with("value: 0", "value: 1"), HasSubstr("node 0 (scale in l): it reads value 1 before"));
  EXPECT_THAT(with("slot: \"y\" value: 1", "slot: \"y\" value: 0"), HasSubstr("exists already"));
  EXPECT_THAT(with("\"m\"", "\"\\377\""), HasSubstr("not UTF-8"));
  EXPECT_THAT(with("slot: \"x\"", "slot: \"z\""), HasSubstr("no slot 'z'"));
  EXPECT_THAT(with("inputs { slot: \"x\" value: 0 }", ""), HasSubstr("input x is missing"));
  EXPECT_THAT(with("outputs { slot: \"y\" value: 1 }", ""), HasSubstr("output y is value -1"));
  EXPECT_THAT(with("key: \"factor\"", "key: \"fact\""), HasSubstr("no attribute 'fact'"));
  EXPECT_THAT(with("f: 2", "i: 2"), HasSubstr("another kind"));
  EXPECT_THAT(with("f: 2", "f: inf"), HasSubstr("not finite"));
  EXPECT_THAT(with("f: 2", ""), HasSubstr("has no value"));
  EXPECT_THAT(with("f: 2 }", "f: 2 } attrs { key: \"factor\" f: 3 }"), HasSubstr("given twice"));
  EXPECT_THAT(with("name: \"n\" }", "name: \"n\" } symbols { name: \"n+1\" }"), HasSubstr("no word"));
  EXPECT_THAT(with("name: \"n\"", "name: \"n\" min: 5 max: 4"), HasSubstr("ranges from 5 to 4"));
  EXPECT_THAT(with("name: \"x\" role: INPUT", "role: INPUT"), HasSubstr("need a name"));
  EXPECT_THAT(with("role: INPUT", "role: WEIGHT"), HasSubstr("weights have a source"));
  EXPECT_THAT(with("role: INPUT", "role: STATE"), HasSubstr("cannot be a state"));
  EXPECT_THAT(with("role: INPUT", "role: 9"), HasSubstr("role 9 is not known"));
  EXPECT_THAT(with("role: INPUT", "role: INPUT alias_of: 0"), HasSubstr("only a state"));
  EXPECT_THAT(with("value: 1 } state", "value: 0 } state"), HasSubstr("output 'y' is value 0, which no node makes"));
  EXPECT_THAT(with("kind: \"paged\"", "kind: \"pages\""), HasSubstr("kind is 'pages'"));
  EXPECT_THAT(with("block_tokens: 4", "block_tokens: 4 states: 0"), HasSubstr("no state from outside"));
  EXPECT_THAT(with("block_tokens: 4", "block_tokens: -4"), HasSubstr("block_tokens -4"));
}

TEST(Proto, AStateIsReadInItsNewestVersion) {
  Module m = Tiny({.n_layers = 1});
  for (Node& node : m.main.nodes) {
    if (node.op->name == "attention") node.inputs[1] = m.main.Find("layers.0.kv.k");  // as it was before kv_append
  }
  EXPECT_THAT(std::string(Validate(m).message()), HasSubstr("it reads state 'layers.0.kv.k'"));
  EXPECT_FALSE(ModuleFromProto(ModuleToProto(m)).ok());
}

TEST(Proto, TablesAreFinite) {
  Module m = Tiny();
  for (Weight& weight : m.weights) {
    if (!weight.source.values.empty()) weight.source.values[1] = NAN;
  }
  EXPECT_THAT(ErrorOf(ModuleToTextProto(m)), HasSubstr("weight 'inv_freq': one of its values is not finite"));
}

TEST(Proto, WrongShapesNameNodeAndDims) {
  Module m = Tiny({.n_layers = 1});
  m.main.values[m.main.Find("layers.0.down")].type.dims[1] = ops::Dim(47);
  EXPECT_THAT(ErrorOf(ModuleToTextProto(m)),
              HasSubstr("(linear in layers.0): linear: x is f32[n_tokens, 48] and w is f32[32, 47]"));
}

TEST(Proto, FuzzSeedsAreAccepted) {  // else they would be poor seeds
  for (const char* name : {"attention", "feed_forward"}) {
    std::ifstream file(absl::StrCat(CONCORD_SOURCE_DIR "/tests/fuzz/seeds/graph_proto/", name, ".textproto"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(ModuleFromTextProto(text).ok()) << ModuleFromTextProto(text).status();
  }
}

TEST(Proto, CutOffOrChangedBytesAreAnError) {
  const std::string bytes = ModuleToProto(Everything());
  ASSERT_TRUE(ModuleFromProto(bytes).ok());
  for (size_t n = 0; n + 40 < bytes.size(); n += 7)
    EXPECT_FALSE(ModuleFromProto(absl::string_view(bytes).substr(0, n)).ok()) << n;
  EXPECT_THAT(std::string(ModuleFromProto(bytes + std::string("\x98\x06\x01", 3)).status().message()),
              HasSubstr("does not know"));
  EXPECT_FALSE(ModuleFromProto(bytes + "\xff").ok());
  EXPECT_FALSE(ModuleFromProto(std::string("\x08\x01\x12\x02\xff\xfe", 6)).ok());  // a name that is no UTF-8
  EXPECT_FALSE(ModuleFromProto(std::string(kMaxProtoBytes + 1, '\0')).ok());
}

}  // namespace
}  // namespace concord::graph
