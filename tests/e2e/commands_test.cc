#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/program.h"

namespace concord::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kCommands[] = {"bench",   "cache",      "devices", "doctor",   "export-graph", "generate",
                                     "inspect", "perplexity", "plan",    "quantize", "tokenize"};

// Another cache folder while it lives: a path, or a name in the scratch folder.
class ScopedCache {
 public:
  explicit ScopedCache(const std::string& where)
      : before_(std::getenv("CONCORD_CACHE_DIR") == nullptr ? "" : std::getenv("CONCORD_CACHE_DIR")) {
    ::setenv("CONCORD_CACHE_DIR", (where[0] == '/' ? where : Scratch(where)).c_str(), 1);
  }
  ~ScopedCache() { ::setenv("CONCORD_CACHE_DIR", before_.c_str(), 1); }
  ScopedCache(const ScopedCache&) = delete;
  ScopedCache& operator=(const ScopedCache&) = delete;

 private:
  std::string before_;
};

Outcome Succeed(const std::vector<std::string>& args, const std::string& input = "") {
  Outcome run = RunModel(args, input);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run;
}

json SucceedJson(std::vector<std::string> args) {
  args.insert(args.begin() + 1, "--json");
  const json result = json::parse(Succeed(args).out, nullptr, false);
  EXPECT_FALSE(result.is_discarded());
  return result;
}

TEST(Help, EveryCommand) {
  for (const char* command : kCommands) {
    const Outcome run = Succeed({command, "--help"});
    EXPECT_THAT(run.out, HasSubstr(std::string("run-model ") + command)) << command;
    EXPECT_THAT(run.out, HasSubstr("Examples:")) << command;
    EXPECT_EQ(run.err, "") << command;
    EXPECT_EQ(Succeed({"help", command}).out, run.out);
  }
}
TEST(Help, ListsEveryCommand) {
  const Outcome run = Succeed({"--help"});
  for (const char* command : kCommands) EXPECT_THAT(run.out, HasSubstr(command));
  EXPECT_THAT(Succeed({"--version"}).out, testing::MatchesRegex("run-model [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Help, InChinese) {
  const std::string chinese = Succeed({"bench", "--lang", "zh", "--help"}).out;
  EXPECT_THAT(chinese, testing::StartsWith("用法：run-model bench [MODEL] [选项]\n"));
  EXPECT_EQ(Succeed({"help", "bench", "--lang=zh"}).out, chinese);
  EXPECT_EQ(Program({"bench", "--help"}, "zh_CN.UTF-8").Wait().out, chinese);
  EXPECT_EQ(Program({"bench", "--help", "--lang", "en"}, "zh_CN.UTF-8").Wait().out, Succeed({"bench", "--help"}).out);
}

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = text.find(separator, begin)) != std::string::npos; begin = end + separator.size()) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::string Stripped(const std::string& line) {
  const size_t begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin, line.find_last_not_of(" \n") - begin + 1);
}

// A few lines of each vocabulary; unit tests of text/ do all.
TEST(Tokenize, SharedVocabularies) {
  const std::string folder = Shared("data/tokenizers");
  if (folder.empty()) GTEST_SKIP() << "no ../shared/data/tokenizers";
  for (const char* name : {"llama-spm", "gpt-2", "deepseek-llm"}) {
    const std::string file = folder + "/ggml-vocab-" + name + ".gguf";
    const std::vector<std::string> inputs = Split(ReadFile(file + ".inp"), "\n__ggml_vocab_test__\n");
    const std::vector<std::string> outputs = Split(ReadFile(file + ".out"), "\n");
    for (size_t i = 0; i < inputs.size(); i += 7) {
      const Outcome run = Succeed({"tokenize", file, "--stdin", "--ids", "--no-bos", "-q"}, inputs[i]);
      EXPECT_EQ(Stripped(run.out), Stripped(outputs[i])) << name << ", line " << i;
      EXPECT_EQ(run.err, "");
    }
  }
}

TEST(Tokenize, PiecesAndIds) {
  const json tokenizer = json::parse(ReadFile(Golden("llama/expected.json")))["tokenizer"];
  for (const std::string& model : {Golden("llama/llama.gguf"), Golden("llama")}) {
    for (const json& line : tokenizer) {
      const json got = SucceedJson({"tokenize", model, "--", line["text"].get<std::string>()});
      EXPECT_EQ(got["ids"], line["ids"]) << line["text"];
      EXPECT_EQ(got["pieces"].size(), line["ids"].size());
    }
  }
  EXPECT_THAT(Succeed({"tokenize", Golden("llama"), "abc"}).out, HasSubstr("'"));
}

TEST(Inspect, SaysWhatIsThere) {
  const Outcome text = Succeed({"inspect", Golden("llama/llama.gguf"), "--tensors"});
  EXPECT_THAT(text.out, HasSubstr("blk.0.attn_q.weight"));
  EXPECT_THAT(text.out, HasSubstr("llama.block_count"));
  const json result = SucceedJson({"inspect", Golden("llama/llama.gguf")});
  int64_t bytes = 0;
  for (const json& tensor : result["tensors"]) bytes += tensor["bytes"].get<int64_t>();
  EXPECT_EQ(result["weight_bytes"], bytes);
  EXPECT_EQ(result["architecture"], "llama");
  EXPECT_EQ(SucceedJson({"inspect", Golden("llama")})["parameters"].get<int64_t>() > 1000, true);
}

TEST(Devices, TheCpuIsThere) {
  EXPECT_THAT(Succeed({"devices"}).out, HasSubstr("cpu:0"));
  const json list = SucceedJson({"devices"});
  ASSERT_FALSE(list.empty());
  EXPECT_TRUE(std::any_of(list.begin(), list.end(), [](const json& d) { return d["id"] == "cpu:0"; }));
}

TEST(Doctor, AlwaysAnswers) {
  const std::string text = Succeed({"doctor"}).out;
  EXPECT_THAT(text, HasSubstr("cpu:0"));
  EXPECT_THAT(text, HasSubstr("each op in it"));
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    EXPECT_LE(text.find('\n', at) - at, 104u) << text.substr(at, 110);  // bytes: some letters take two
  }
  const json report = SucceedJson({"doctor", "--plugin", "./none.so"});
  EXPECT_GE(report["cpu"]["threads"].get<int>(), 1);
  EXPECT_GT(report["memory"]["total_bytes"].get<double>(), 1e8);
  EXPECT_EQ(report["problems"][0]["plugin"], "./none.so");
  EXPECT_GT(report["devices"][0]["probe"]["rates"]["linear/q4_k/int8/256"]["bytes_per_second"].get<double>(), 1e6);
  EXPECT_GE(report["cache"]["files"].get<int>(), 1);
}

TEST(Doctor, MeasuresNothingUnasked) {
  const ScopedCache cache("unasked");
  const json report = SucceedJson({"doctor", "--no-probe"});
  EXPECT_TRUE(report["devices"][0]["probe"].is_null());
  EXPECT_EQ(report["cache"]["files"], 0);
}

TEST(Cache, ListsAndClears) {
  const ScopedCache cache("listed");
  EXPECT_THAT(Succeed({"cache", "list"}).out, HasSubstr("0 files"));
  Succeed({"bench", "--prefill", "0", "--decode", "4", "--repeat", "1"});
  const json list = SucceedJson({"cache", "list"});
  ASSERT_EQ(list["files"].size(), 1u);
  EXPECT_EQ(list["files"][0]["kind"], "probes");
  EXPECT_EQ(list["files"][0]["of"], "cpu:0");
  EXPECT_EQ(list["total_bytes"], list["files"][0]["size_bytes"]);
  EXPECT_EQ(SucceedJson({"cache", "clear", "--kind", "kernels"})["removed"].size(), 0u);
  EXPECT_THAT(Succeed({"cache", "clear"}).out, HasSubstr("removed 1 file"));
  EXPECT_EQ(SucceedJson({"cache", "list"})["files"].size(), 0u);
  EXPECT_EQ(RunModel({"cache", "burn"}).exit_code, 2);
  EXPECT_EQ(RunModel({"cache"}).exit_code, 2);
}

TEST(Cache, IsNoConditionForAnything) {
  ScopedCache cache("/proc/nowhere");
  const Outcome bench = RunModel({"bench", "--prefill", "0", "--decode", "4", "--repeat", "1"});
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  EXPECT_EQ(RunModel({"doctor", "--no-probe"}).exit_code, 0);
  EXPECT_EQ(RunModel({"cache", "list"}).exit_code, 0);
}

TEST(Plan, AddsUp) {
  const std::string model = Golden("llama/llama.gguf");
  const json plan = SucceedJson({"plan", model, "--context", "32"});
  const json wide = SucceedJson({"plan", model, "--context", "32", "--batch", "4"});
  const json& device = plan["devices"][0];
  EXPECT_EQ(plan["context"], 32);
  EXPECT_EQ(wide["devices"][0]["kv_bytes"], 4 * device["kv_bytes"].get<int64_t>());
  int64_t ops = 0;
  for (const auto& [name, count] : plan["ops"].items()) ops += count.get<int64_t>();
  EXPECT_EQ(plan["ops_after_fusion"], ops);
  EXPECT_LE(ops, plan["ops_before_fusion"].get<int64_t>());
  EXPECT_EQ(device["layers"],
            SucceedJson({"inspect", model})["metadata"]["llama.block_count"].get<std::string>() == "2" ? 2 : -1);
  EXPECT_TRUE(device["fits"].get<bool>());
  EXPECT_THAT(Succeed({"plan", model}).out, HasSubstr("largest context"));
}

TEST(Plan, KnowsAModelThatDoesNotFit) {
  const json plan = SucceedJson({"plan", "synthetic:tiny:q8_0", "--batch", "100000"});
  EXPECT_FALSE(plan["devices"][0]["fits"].get<bool>());
  EXPECT_LT(plan["largest_context"].get<int64_t>(), 8192);
}

TEST(ExportGraph, WritesWholeFiles) {
  const Outcome text = Succeed({"export-graph", Golden("qwen3/qwen3.gguf")});
  EXPECT_THAT(text.out, HasSubstr("op: \"rms_norm\""));
  Succeed({"export-graph", Golden("qwen3/qwen3.gguf"), "-o", Scratch("g.textproto")});
  EXPECT_EQ(ReadFile(Scratch("g.textproto")), text.out);
}

TEST(Bench, Json) {
  const json result =
      SucceedJson({"bench", Golden("llama/llama.gguf"), "--prefill", "24", "--decode", "8", "--repeat", "3"});
  EXPECT_EQ(result["prefill"]["tokens"], 24);
  EXPECT_EQ(result["decode"]["tokens"], 8);
  EXPECT_EQ(result["decode"]["runs"].size(), 3);
  for (const char* part : {"prefill", "decode"}) {
    EXPECT_GT(result[part]["tokens_per_s"].get<double>(), 0);
    EXPECT_LE(result[part]["min"], result[part]["tokens_per_s"]);
    EXPECT_GE(result[part]["max"], result[part]["tokens_per_s"]);
  }
  EXPECT_GT(result["machine"]["read_bytes_per_s"].get<double>(), 1e8);
}
TEST(Bench, BatchAsTable) {
  const Outcome run = Succeed({"bench", Golden("llama/llama.gguf"), "--prefill", "8", "--decode", "4", "--repeat", "1",
                               "--batch", "3", "--no-machine"});
  EXPECT_THAT(run.out, HasSubstr("prefill"));
  EXPECT_THAT(run.out, HasSubstr("decode"));
}

TEST(Perplexity, WindowsAgreeWithOneAnother) {
  // ~40 tokens: one window holds all, so that stride does not matter; smaller windows know less.
  const std::string model = Golden("llama/llama.gguf");
  WriteFile(Scratch("text"), "the cat sat on the mat and the dog sat on the log");
  const json whole = SucceedJson({"perplexity", model, Scratch("text"), "--context", "128"});
  const json other = SucceedJson({"perplexity", model, Scratch("text"), "--context", "128", "--stride", "5"});
  EXPECT_DOUBLE_EQ(whole["perplexity"].get<double>(), other["perplexity"].get<double>());
  const json small = SucceedJson({"perplexity", model, Scratch("text"), "--context", "8", "--stride", "3"});
  EXPECT_EQ(small["scored"], whole["scored"]);
  EXPECT_GT(small["perplexity"].get<double>(), 1);
  EXPECT_GT(whole["error"].get<double>(), 0);
  EXPECT_THAT(Succeed({"perplexity", model, Scratch("text"), "--context", "64"}).out, HasSubstr("±"));
}

TEST(Quantize, RunsAfterwards) {
  const std::string model = Shared("data/stories260K.gguf");
  if (model.empty()) GTEST_SKIP() << "no ../shared/data/stories260K.gguf";
  for (const std::string& type : std::vector<std::string>{"q8_0", "q4_0", "q4_k_m", "q6_k"}) {
    const std::string small = Scratch(type + ".gguf");
    Succeed({"quantize", model, small, "--type", type, "-q"});
    EXPECT_LT(std::filesystem::file_size(small), std::filesystem::file_size(model));
    const Outcome run = Succeed({small, "-p", "Once upon a time", "--temperature", "0", "-n", "20"});
    EXPECT_GT(run.out.size(), 30u) << type;
  }
  const Outcome run = Succeed({Scratch("q8_0.gguf"), "-p", "Once upon a time", "--temperature", "0", "-n", "20"});
  EXPECT_THAT(run.out, testing::StartsWith("Once upon a time, there was a"));
}
TEST(Quantize, RefusesWhatLosesData) {
  const std::string model = Scratch("in.gguf");
  std::filesystem::copy_file(Golden("llama/llama.gguf"), model);
  EXPECT_EQ(RunModel({"quantize", model, model, "--type", "q8_0"}).exit_code, 2);
  EXPECT_EQ(ReadFile(model), ReadFile(Golden("llama/llama.gguf")));
  EXPECT_EQ(RunModel({"quantize", model, Scratch("out.gguf"), "--type", "q5"}).exit_code, 2);
  EXPECT_EQ(RunModel({"quantize", Golden("llama"), Scratch("out.gguf"), "--type", "q8_0"}).exit_code, 2);
  EXPECT_EQ(RunModel({"quantize", "synthetic:tiny:f16", Scratch("out.gguf"), "--type", "q8_0"}).exit_code, 2);
  EXPECT_EQ(RunModel({"quantize", model, "./no/such/folder/out.gguf", "--type", "q8_0"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(Scratch("out.gguf")));
}
TEST(Quantize, RefusesToDoItTwice) {
  const std::string model = Shared("data/stories260K.gguf");
  if (model.empty()) GTEST_SKIP() << "no ../shared/data/stories260K.gguf";
  Succeed({"quantize", model, Scratch("q8.gguf"), "--type", "q8_0"});
  const Outcome again = RunModel({"quantize", Scratch("q8.gguf"), Scratch("out.gguf"), "--type", "q4_0"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("quantised already"));
  EXPECT_FALSE(std::filesystem::exists(Scratch("out.gguf")));
}

}  // namespace
}  // namespace concord::e2e
