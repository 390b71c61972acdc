// Every command on a device with memory of its own that takes weights in f32, f16 and q8_0 only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/loader/model_source.h"
#include "tests/e2e/program.h"
#include "tests/e2e/unpacked_model.h"
#include "tests/emulators/discrete/path.h"

namespace concord::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Outcome OnDevice(std::vector<std::string> args, const char* device = "discrete") {
  args.insert(args.end(), {"--plugin", CONCORD_DISCRETE_PLUGIN});
  if (*device != '\0') args.insert(args.end(), {"--device", device});
  Outcome run = RunModel(args);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run;
}

json JsonOf(const Outcome& run) {
  const json result = json::parse(run.out, nullptr, false);
  EXPECT_FALSE(result.is_discarded()) << run.out;
  return result;
}

// A golden model in a packing that the device refuses.
std::string Packed(const std::string& name) {
  const Outcome run = RunModel({"quantize", Golden("qwen3/qwen3.gguf"), Scratch(name), "--type", "q4_0"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return Scratch(name);
}

// The same model with every q4_0 tensor written as f16.
std::string Unpacked(const std::string& packed, const std::string& name) {
  WriteUnpacked(packed, Scratch(name), "q4_0", "f16");
  return Scratch(name);
}

TEST(DiscreteDevice, IsListed) {
  EXPECT_THAT(OnDevice({"devices"}, "").out, HasSubstr("emulated card with memory of its own"));
  EXPECT_THAT(OnDevice({"doctor"}, "").out, HasSubstr("discrete:0"));
}

TEST(DiscreteDevice, WritesWhatTheReferenceWrites) {
  const std::vector<std::string> args = {"generate", "-p", "Once upon a time", "-n", "24", "--temperature", "0"};
  const Outcome run = OnDevice(args);
  EXPECT_EQ(run.out, OnDevice(args, "reference").out);
  EXPECT_THAT(run.err, testing::Not(HasSubstr("decoded")));
}

TEST(DiscreteDevice, HandsOverToAnother) {
  std::vector<std::string> args = {"generate", "-p", "Once upon a time", "-n", "24", "--temperature", "0"};
  const std::string want = OnDevice(args, "reference").out;
  args.insert(args.end(), {"--prefill-device", "discrete", "--decode-device", "reference"});
  EXPECT_EQ(OnDevice(args, "").out, want);
  args.insert(args.end(), {"--decode-kv-type", "f32"});
  EXPECT_EQ(OnDevice(args, "").out.size() > 20, true);
}

TEST(DiscreteDevice, AHandoverThatMakesNoSenseIsUsage) {
  const auto usage = [](std::vector<std::string> args) {
    args.insert(args.end(), {"-p", "a", "-n", "1"});
    const Outcome run = RunModel(args);
    EXPECT_EQ(run.exit_code, 2) << run.err;
    return run.err;
  };
  EXPECT_THAT(usage({"--prefill-device", "cpu"}), HasSubstr("--prefill-device wants --decode-device beside it"));
  EXPECT_THAT(usage({"--prefill-device", "cpu", "--decode-device", "reference", "--device", "reference"}),
              HasSubstr("leave out --device and --place"));
  EXPECT_THAT(usage({"--prefill-device", "cpu", "--decode-device", "cpu"}), HasSubstr("are both cpu"));
  EXPECT_THAT(usage({"--decode-kv-type", "f32"}), HasSubstr("wants --decode-device"));
  const Outcome nowhere = RunModel({"-p", "a", "--prefill-device", "tpu", "--decode-device", "cpu"});
  EXPECT_EQ(nowhere.exit_code, 5);
  EXPECT_THAT(nowhere.err, HasSubstr("there is no device 'tpu'"));
}

// Decoded at load is the same, to the last bit, as a file that was decoded beforehand; and it is said once.
TEST(DiscreteDevice, DecodingAtLoadIsExact) {
  const std::string packed = Packed("packed.gguf"), plain = Unpacked(packed, "plain.gguf");
  const auto args = [](const std::string& model) {
    return std::vector<std::string>{"generate", model,        "-p", "the cat",       "-n", "20", "--compute", "exact",
                                    "--json",   "--logprobs", "3",  "--temperature", "0"};
  };
  const Outcome run = OnDevice(args(packed));
  json got = JsonOf(run), want = JsonOf(OnDevice(args(plain), "reference"));
  EXPECT_EQ(got["text"], want["text"]);
  EXPECT_EQ(got["logprobs"], want["logprobs"]);
  const size_t said = run.err.find("decoded to f16 for discrete:0");
  ASSERT_NE(said, std::string::npos) << run.err;
  EXPECT_EQ(run.err.find("decoded to f16", said + 1), std::string::npos);
}

TEST(DiscreteDevice, ThePlanSaysWhatIsDecoded) {
  const std::string model = "synthetic:tiny:q4_k_m";
  const json plan = JsonOf(OnDevice({"plan", model, "--json"}))["devices"][0];
  const json& decoded = plan["decoded_weights"];
  ASSERT_FALSE(decoded.empty());
  int64_t extra = 0;
  for (const json& weight : decoded) {
    EXPECT_EQ(weight["to"], "f16");
    EXPECT_THAT(weight["reason"].get<std::string>(), HasSubstr("not " + weight["from"].get<std::string>()));
    extra += weight["extra_bytes"].get<int64_t>();
  }
  EXPECT_EQ(plan["weight_bytes_mapped"], 0);
  const json on_host = JsonOf(OnDevice({"plan", model, "--json"}, "reference"))["devices"][0];
  EXPECT_EQ(plan["weight_bytes"], on_host["weight_bytes"].get<int64_t>() + extra);
  EXPECT_TRUE(on_host["decoded_weights"].empty());
  EXPECT_THAT(OnDevice({"plan", model}).out,
              HasSubstr(std::to_string(decoded.size()) + " tensors decoded to f16 for discrete:0: +"));
}

TEST(DiscreteDevice, BenchHoldsSpeedsAgainstTheDevicesOwnMemory) {
  const std::vector<std::string> args = {"bench", "--prefill", "8", "--decode", "4", "--repeat", "1"};
  std::vector<std::string> with_json = args;
  with_json.push_back("--json");
  const json result = JsonOf(OnDevice(with_json));
  EXPECT_EQ(result["machine"]["device"], "discrete:0");
  EXPECT_GT(result["machine"]["copy_bytes_per_s"].get<double>(), 1e8);
  EXPECT_FALSE(result["machine"].contains("int8_ops_per_s"));
  EXPECT_FALSE(result["prefill"].contains("share_of_int8_peak"));
  EXPECT_GT(result["decode"]["share_of_copy_bandwidth"].get<double>(), 0);
  EXPECT_THAT(OnDevice(args).out, HasSubstr("discrete:0 (emulated card with memory of its own), measured now"));
}

// A scale of 65,504 times -8 does not fit into f16: the file is damaged, and neither clamped nor run.
TEST(DiscreteDevice, AValueBeyondF16IsDamage) {
  const std::string path = Packed("huge.gguf");
  std::string bytes = ReadFile(path);
  {
    const auto source = loader::Open(path);
    ASSERT_TRUE(source.ok()) << source.status();
    const loader::Tensor* tensor = (*source)->Find("blk.0.ffn_up.weight");
    ASSERT_NE(tensor, nullptr);
    ASSERT_STREQ(tensor->type->name, "q4_0");
    const std::string row(reinterpret_cast<const char*>(tensor->data), 64);
    const size_t at = bytes.find(row);
    ASSERT_NE(at, std::string::npos);
    const uint16_t scale = 0x7bff;
    std::memcpy(bytes.data() + at, &scale, sizeof(scale));
    std::memset(bytes.data() + at + sizeof(scale), 0, 16);  // every element -8
  }
  WriteFile(path, bytes);
  const std::string plugin = CONCORD_DISCRETE_PLUGIN;
  const Outcome run = RunModel({path, "-p", "a", "-n", "1", "--plugin", plugin, "--device", "discrete"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("blk.0.ffn_up.weight: row 0 holds a value that is too large for f16"));
  EXPECT_EQ(run.out, "");
}

}  // namespace
}  // namespace concord::e2e
