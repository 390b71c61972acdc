// GPU backends as a user meets them: the same text as from the CPU, and sentences where a driver is missing or a cache
// is broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/program.h"

namespace concord::e2e {
namespace {

using testing::HasSubstr;

class Gpu : public testing::TestWithParam<std::string> {
 protected:
  static std::string Plugin() {
    return absl::StrCat(CONCORD_BINARY_DIR, "/lib/concord/libconcord_backend_", GetParam(), ".so");
  }
  static Outcome Run(std::vector<std::string> args, bool on_gpu = true) {
    if (on_gpu) args.insert(args.end(), {"--plugin", Plugin(), "--device", GetParam()});
    return RunModel(args);
  }
  static void ExpectTheSameText(const std::string& model, const std::string& prompt, const std::string& count,
                                const std::string& compute = "fast") {
    const std::vector<std::string> args = {model, "-p",           prompt, "--temperature", "0",    "-n",
                                           count, "--ignore-eos", "-q",   "--compute",     compute};
    const Outcome want = Run(args, false), got = Run(args);
    ASSERT_EQ(want.exit_code, 0) << want.err;
    EXPECT_EQ(got.exit_code, 0) << got.err;
    EXPECT_EQ(got.err, "");
    EXPECT_EQ(got.out, want.out);
  }
};

TEST_P(Gpu, WritesTheStory) {
  const std::string model = Shared("data/stories260K.gguf");
  if (model.empty()) GTEST_SKIP() << "no ../shared/data/stories260K.gguf";
  ExpectTheSameText(model, "Once upon a time", "120");
}
// A plugin that came with the program is found by the device's name, and listed.
TEST_P(Gpu, NeedsNoPath) {
  const Outcome run = RunModel({"-p", "a", "-n", "2", "-q", "--device", GetParam()});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(RunModel({"devices"}).out, HasSubstr(GetParam() + ":0"));
  EXPECT_THAT(RunModel({"doctor"}).out, HasSubstr(Plugin()));
}
TEST_P(Gpu, WritesTheDemo) { ExpectTheSameText("", "One morning, the", "60"); }

// Every architecture, in f32, f16 and bf16. Exact, since devices differ in how they multiply halves when they need not
// be (a CPU with a tile unit in parts of bf16, a GPU in f16), and random weights leave some choices of a token close.
TEST_P(Gpu, WritesTheGoldens) {
  for (const char* name : {"llama", "llama_tied", "llama_yarn", "qwen2", "qwen2_f16", "qwen2_bf16", "qwen3", "gpt2"}) {
    SCOPED_TRACE(name);
    ExpectTheSameText(Golden(name), "abc", "24", "exact");
  }
}

// Read on the GPU and written on the CPU, and the other way round.
TEST_P(Gpu, HandsOverToTheCpuAndBack) {
  std::vector<std::string> models = {""};
  for (const char* name : {"llama", "llama_tied", "llama_yarn", "qwen2", "qwen3", "gpt2"})
    models.push_back(Golden(name));
  if (const std::string stories = Shared("data/stories260K.gguf"); !stories.empty()) models.push_back(stories);
  for (const std::string& model : models) {
    SCOPED_TRACE(model);
    std::vector<std::string> args = {model, "-p", "One day a", "--temperature", "0", "-n", "40", "--ignore-eos", "-q"};
    args.insert(args.end(), {"--compute", "exact", "--kv-type", "f32"});
    const Outcome want = Run(args, false);
    ASSERT_EQ(want.exit_code, 0) << want.err;
    for (const auto& [prefill, decode] :
         {std::pair(GetParam(), std::string("cpu")), std::pair(std::string("cpu"), GetParam())}) {
      std::vector<std::string> with = args;
      with.insert(with.end(), {"--prefill-device", prefill, "--decode-device", decode});
      const Outcome got = Run(with, false);  // the plugin is found by its name
      EXPECT_EQ(got.exit_code, 0) << got.err;
      EXPECT_EQ(got.out, want.out) << prefill << " to " << decode;
    }
  }
}

// A model over this device and the CPU writes what the CPU writes.
TEST_P(Gpu, SharesAModelWithTheCpu) {
  std::vector<std::string> models = {""};
  for (const char* name : {"llama", "qwen2", "qwen3", "gpt2"}) models.push_back(Golden(name));
  const std::string stories = std::string(CONCORD_SHARED_DIR) + "/data/stories260K.gguf";
  if (std::filesystem::exists(stories)) models.push_back(stories);
  for (const std::string& model : models) {
    std::vector<std::string> args = {model, "-p", "One day a", "--temperature", "0", "-n", "40", "--ignore-eos", "-q"};
    args.insert(args.end(), {"--compute", "exact", "--kv-type", "f32"});
    const Outcome want = Run(args, false);
    ASSERT_EQ(want.exit_code, 0) << want.err;
    for (const std::string& place : {"layers 1=" + GetParam() + "; *=cpu", "layers 0=cpu; *=" + GetParam()}) {
      std::vector<std::string> with = args;
      with.insert(with.end(), {"--place", place});
      const Outcome got = Run(with, false);
      EXPECT_EQ(got.exit_code, 0) << got.err;
      EXPECT_EQ(got.out, want.out) << model << " with " << place;
    }
  }
}

TEST_P(Gpu, KeepsCompiledKernels) {
  const std::string folder = Scratch("cache");
  ASSERT_EQ(::setenv("CONCORD_CACHE_DIR", folder.c_str(), 1), 0);
  const std::vector<std::string> args = {"", "-p", "a", "-n", "2", "-q", "--temperature", "0"};
  const Outcome first = Run(args);
  EXPECT_EQ(first.exit_code, 0) << first.err;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) {  // broken: built anew, and nothing said
    std::string bytes = ReadFile(file);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
    WriteFile(file, bytes);
  }
  const Outcome second = Run(args);
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.err, "");
  EXPECT_EQ(second.out, first.out);
  for (const std::string& file : files) WriteFile(file, "of another program");
  EXPECT_EQ(Run(args).out, first.out);
  ASSERT_EQ(::setenv("CONCORD_CACHE_DIR", "/proc/nowhere", 1), 0);
  EXPECT_EQ(Run(args).out, first.out);
  ::unsetenv("CONCORD_CACHE_DIR");
}

// All that the canary looks at, on models of every kind of op; what has passed is not looked at again.
TEST_P(Gpu, PassesTheCanary) {
  for (const std::string& model :
       {std::string(), std::string("synthetic:tiny:q4_k_m"), Golden("gpt2"), Golden("qwen2")}) {
    for (const char* compute : {"fast", "exact"}) {
      const Outcome run = Run({model, "-p", "a", "-n", "1", "-q", "--canary", "full", "--compute", compute});
      EXPECT_EQ(run.exit_code, 0) << run.err;
    }
  }
}

TEST(Gpus, ShareAModelAmongThem) {
  if (std::string(CONCORD_GPU_BACKENDS) != "opencl,vulkan") GTEST_SKIP() << "this build has not both GPU backends";
  const std::string stories = std::string(CONCORD_SHARED_DIR) + "/data/stories260K.gguf";
  if (!std::filesystem::exists(stories)) GTEST_SKIP() << "no " << stories;
  std::vector<std::string> args = {stories, "-p", "Once upon", "--temperature", "0",
                                   "-n",    "60", "-q",        "--compute",     "exact"};
  const Outcome want = RunModel(args);
  args.insert(args.end(), {"--place", "layers 0-1=vulkan:0; layers 2-3=opencl:0; *=cpu"});
  const Outcome got = RunModel(args);
  if (got.exit_code == 5 && got.err.find("there is no device") != std::string::npos) GTEST_SKIP() << got.err;
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_EQ(got.out, want.out);
}

TEST_P(Gpu, SaysThatThereIsNoDriver) {
  for (const char* variable : {"VK_ICD_FILENAMES", "VK_DRIVER_FILES", "OCL_ICD_VENDORS"}) {
    ASSERT_EQ(::setenv(variable, "/nowhere", 1), 0);
  }
  const Outcome run = Run({"", "-p", "a"});
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_THAT(run.err, HasSubstr("driver"));
  EXPECT_EQ(run.out, "");
  const Outcome devices = RunModel({"devices", "--plugin", Plugin()});
  for (const char* variable : {"VK_ICD_FILENAMES", "VK_DRIVER_FILES", "OCL_ICD_VENDORS"}) ::unsetenv(variable);
  EXPECT_EQ(devices.exit_code, 0);  // the others are still there
  EXPECT_THAT(devices.out, HasSubstr("cpu:0"));
  EXPECT_THAT(devices.err, HasSubstr("cannot be used"));
}

TEST_P(Gpu, OutOfMemorySaysHowMuchAndWhatToChange) {  // 100,000 contexts of 8,192 tokens: 800 GB
  const Outcome run = Run(
      {"bench", "synthetic:tiny:f16", "--context", "8192", "--batch", "100000", "--prefill", "16", "--decode", "2"});
  EXPECT_EQ(run.exit_code, 4) << run.err;
  EXPECT_THAT(run.err, HasSubstr("free"));
}

INSTANTIATE_TEST_SUITE_P(Backends, Gpu,
                         testing::ValuesIn(std::vector<std::string>(absl::StrSplit(CONCORD_GPU_BACKENDS, ','))),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace concord::e2e
