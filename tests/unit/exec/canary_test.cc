// The canary: devices that compute wrongly (tests/emulators/faulty) are found when a model is loaded, named by op and
// device; healthy ones pass, in the time that they are given, and need not do so twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "absl/strings/match.h"
#include "concord/concord.h"
#include "runtime/exec/canary_budget.h"
#include "runtime/exec/cut_node.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/weights.h"
#include "runtime/hal/device_registry.h"
#include "runtime/loader/synthetic.h"
#include "tests/emulators/discrete/path.h"
#include "tests/emulators/faulty/path.h"

namespace concord {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A folder of this test for what is remembered, empty at first.
class Canary : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              absl::StrCat("canary_", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    before_ = std::getenv("CONCORD_CACHE_DIR") == nullptr ? "" : std::getenv("CONCORD_CACHE_DIR");
    Keep(folder_.string());
  }
  void TearDown() override {
    fs::remove_all(folder_);
    Keep(before_);
  }
  static void Keep(const std::string& folder) { ::setenv("CONCORD_CACHE_DIR", folder.c_str(), 1); }

  absl::StatusOr<Model> Load(const std::string& device, const std::string& how = "strict", const std::string& path = "",
                             LoadOptions options = {}) {
    log_.clear();
    options.devices = {device};
    options.plugins = {CONCORD_FAULTY_PLUGIN, CONCORD_DISCRETE_PLUGIN};
    if (options.context_tokens == 0) options.context_tokens = 128;
    options.canary = how;
    options.on_log = [this](LogLevel, absl::string_view line) {
      const std::lock_guard<std::mutex> lock(mutex_);
      log_.emplace_back(line);
    };
    return Model::Load(path, options);
  }
  static std::string Faulty(faulty::Fault fault) { return absl::StrCat("faulty:", static_cast<int>(fault)); }

  // How many cases the last load ran; -1: none, for they are known.
  int Cases() const {
    int cases = 0;
    for (const std::string& line : log_) {
      int count = 0;
      if (line == "canary: proven by an earlier load") return -1;
      if (std::sscanf(line.c_str(), "canary: %d cases", &count) == 1) cases += count;
    }
    return cases;
  }
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder_ / "canary", none)) files.push_back(entry.path());
    return files;
  }

  fs::path folder_;
  std::string before_;
  std::mutex mutex_;
  std::vector<std::string> log_;
};

Result Answer(const Model& model) {
  Engine engine = *Engine::Create(model, {});
  Stream stream = *engine.Generate(
      {.prompt_tokens = {1, 2, 3}, .sampling = {.temperature = 0}, .max_tokens = 4, .ignore_eos = true});
  while (stream.Next().has_value()) {
  }
  EXPECT_TRUE(stream.status().ok()) << stream.status();
  return stream.result();
}

struct Caught {
  faulty::Fault fault;
  const char* says;
  const char* how = "strict";  // "full" for what comes late: this machine may be busy
};
constexpr Caught kCaught[] = {
    {faulty::kScaled, "rms_norm of layers.0 in f32 with 3 tokens: y: "},
    {faulty::kScaledLinear, "linear of layers.0 in int8/32 with 3 tokens: y: "},
    {faulty::kScaledAttention, "attention of layers.0 in f32 with 3 tokens: y: "},
    {faulty::kScaledDeep, "in the first block on a prompt: y: ", "full"},
    {faulty::kScaledShared, "the first block on a prompt, against its ops one by one: ", "full"},
};

void ExpectCaught(const absl::Status& status, const Caught& caught, const std::string& device) {
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(device + " computes wrongly: "), HasSubstr(caught.says),
                    HasSubstr("are wrong; the first"), HasSubstr("\n[0, "), HasSubstr("--canary warn")));
}

TEST_F(Canary, StrictNamesOpAndDevice) {
  for (const char* path : {"", "synthetic:tiny:q8_0"}) {
    for (const Caught& caught : kCaught) {
      SCOPED_TRACE(absl::StrCat("'", path, "' ", caught.says));
      ExpectCaught(Load(Faulty(caught.fault), caught.how, path).status(), caught, Faulty(caught.fault));
      EXPECT_THAT(Files(), IsEmpty());
    }
  }
}

TEST_F(Canary, StrictNamesOpAndDeviceOfAStory) {
  const std::string path = CONCORD_SHARED_DIR "/data/stories260K.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
  for (Caught caught : kCaught) {
    if (caught.fault == faulty::kScaledLinear) caught.says = "linear of layers.0 in f32 with 3 tokens: y: ";
    ExpectCaught(Load(Faulty(caught.fault), caught.how, path).status(), caught, Faulty(caught.fault));
  }
  ASSERT_TRUE(Load("discrete", "full", path).ok());
  EXPECT_GT(Cases(), 10);
}

TEST_F(Canary, WarnRunsOnAndSaysSo) {
  const absl::StatusOr<Model> model = Load(Faulty(faulty::kScaled), "warn");
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string says = "faulty:1 computes wrongly: rms_norm of layers.0";
  EXPECT_THAT(model->info().warnings, ElementsAre(HasSubstr(says)));
  EXPECT_THAT(log_, Contains(HasSubstr(says)));
  const Result result = Answer(*model);
  EXPECT_EQ(result.warnings, model->info().warnings);
  EXPECT_EQ(result.generated_tokens, 4);
  EXPECT_THAT(Files(), IsEmpty());  // a failure is looked at again
  ASSERT_TRUE(Load(Faulty(faulty::kNone), "warn").ok());
  EXPECT_THAT(Answer(*Load(Faulty(faulty::kNone), "warn")).warnings, IsEmpty());
}

TEST_F(Canary, OffRunsOnSilently) {
  const absl::StatusOr<Model> model = Load(Faulty(faulty::kScaled), "off");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(log_, Not(Contains(HasSubstr("canary"))));
  EXPECT_THAT(Answer(*model).warnings, IsEmpty());
}

TEST_F(Canary, FullLooksAtAllOfIt) {
  ASSERT_TRUE(Load(Faulty(faulty::kNone), "full", "synthetic:tiny:q4_k_m").ok());
  EXPECT_GT(Cases(), 20);
  EXPECT_THAT(log_, Not(Contains(HasSubstr("left out"))));
  ExpectCaught(Load(Faulty(faulty::kScaledAttention), "full").status(), kCaught[2], "faulty:13");
}

TEST_F(Canary, NobodyElseKnowsTheWord) {
  const absl::Status status = Load("cpu", "sometimes").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("canary is 'sometimes', want off, warn, strict or full"));
}

TEST_F(Canary, TheCpuAndTheReferenceAreTrusted) {
  for (const char* device : {"cpu", "reference"}) {
    ASSERT_TRUE(Load(device).ok());
    EXPECT_THAT(log_, Not(Contains(HasSubstr("canary"))));
  }
  EXPECT_THAT(Files(), IsEmpty());
}

// Every packing, KV type and arithmetic, on a device that takes few packings, so that weights are decoded for it.
TEST_F(Canary, HealthyDevicesPass) {
  Keep("");
  for (const char* path : {"", "synthetic:tiny:f16", "synthetic:tiny:q4_k_m", CONCORD_SOURCE_DIR "/tests/golden/gpt2",
                           CONCORD_SOURCE_DIR "/tests/golden/qwen2", CONCORD_SOURCE_DIR "/tests/golden/qwen3"}) {
    for (const char* kv : {"f32", "q8_0"}) {
      if (absl::string_view(kv) == "q8_0" && absl::StrContains(path, "golden")) continue;  // heads of 16
      for (const char* device : {"faulty:0", "discrete"}) {
        for (const char* compute : {"fast", "exact"}) {
          const absl::Status status =
              Load(device, "full", path, {.compute = compute, .kv_type = kv, .context_tokens = 48}).status();
          EXPECT_TRUE(status.ok()) << path << " " << kv << " " << device << " " << compute << ": " << status;
          EXPECT_GT(Cases(), 10);
        }
      }
    }
  }
}

// A part in the middle of a model is proven too, and the one on the CPU is not.
TEST_F(Canary, EveryPartIsProven) {
  const auto load = [&](faulty::Fault fault) {
    const std::string device = Faulty(fault);
    return Load(device, "full", "synthetic:tiny:q8_0", {.place = absl::StrCat("layers 1=", device, "; *=cpu")});
  };
  ASSERT_TRUE(load(faulty::kNone).ok());
  EXPECT_GT(Cases(), 10);
  EXPECT_THAT(std::string(load(faulty::kScaledAttention).status().message()), HasSubstr("attention of layers.1"));
}

TEST_F(Canary, ASecondLoadRunsNothing) {
  ASSERT_TRUE(Load("discrete", "full").ok());
  EXPECT_GT(Cases(), 0);
  EXPECT_EQ(Files().size(), 1u);
  ASSERT_TRUE(Load("discrete", "full").ok());
  EXPECT_EQ(Cases(), -1);
  // All that makes another proof: level, device, model, keys.
  ASSERT_TRUE(Load("discrete").ok());
  EXPECT_GT(Cases(), 0);
  ASSERT_TRUE(Load(Faulty(faulty::kNone), "full").ok());
  EXPECT_GT(Cases(), 0);
  ASSERT_TRUE(Load("discrete", "full", "synthetic:tiny:q8_0").ok());
  EXPECT_GT(Cases(), 0);
  ASSERT_TRUE(Load("discrete", "full", "", {.kv_type = "f32"}).ok());
  EXPECT_GT(Cases(), 0);
  EXPECT_EQ(Files().size(), 5u);
}

// However little time there is for each: what one load has proven the next leaves out.
TEST_F(Canary, LoadsGoOnWhereTheTimeWasOver) {
  int loads = 0, cases = 0;
  do {
    ASSERT_TRUE(Load("discrete", loads % 2 == 0 ? "strict" : "warn", "synthetic:tiny:q4_k_m").ok());
    cases += std::max(0, Cases());
  } while (Cases() >= 0 && ++loads < 100);
  EXPECT_EQ(Cases(), -1);
  ASSERT_TRUE(Load("discrete", "full", "synthetic:tiny:q4_k_m").ok());
  EXPECT_EQ(cases, Cases());  // none was run twice
}

TEST_F(Canary, AnotherBuildOfThePluginOrModelIsProvenAnew) {
  fs::create_directories(folder_);
  const fs::path plugin = folder_ / "libconcord_backend_discrete.so", model = folder_ / "model.gguf";
  fs::copy_file(CONCORD_DISCRETE_PLUGIN, plugin);
  fs::copy_file(CONCORD_SOURCE_DIR "/tests/golden/llama/llama.gguf", model);
  const auto cases = [&] {
    log_.clear();
    LoadOptions options = {.devices = {"discrete"}, .plugins = {plugin.string()}};
    options.on_log = [this](LogLevel, absl::string_view line) { log_.emplace_back(line); };
    options.canary = "full";
    const absl::Status status = Model::Load(model.string(), options).status();
    EXPECT_TRUE(status.ok()) << status;
    return Cases();
  };
  EXPECT_GT(cases(), 0);
  EXPECT_EQ(cases(), -1);
  fs::last_write_time(model, fs::last_write_time(model) - std::chrono::hours(1));
  EXPECT_GT(cases(), 0);
  EXPECT_EQ(cases(), -1);
  // As an update does: another file under the name. What is behind the sections of a library is not read.
  fs::copy_file(plugin, folder_ / "next");
  std::ofstream(folder_ / "next", std::ios::binary | std::ios::app) << "another build";
  fs::rename(folder_ / "next", plugin);
  EXPECT_GT(cases(), 0);
}

TEST_F(Canary, ABrokenFileIsNoProof) {
  ASSERT_TRUE(Load("discrete", "full").ok());
  ASSERT_EQ(Files().size(), 1u);
  for (const char* contents : {"", "proven", "\xFF\xFE"}) {
    std::ofstream(Files()[0], std::ios::binary | std::ios::trunc) << contents;
    ASSERT_TRUE(Load("discrete", "full").ok());
    EXPECT_GT(Cases(), 0);
  }
  ASSERT_TRUE(Load("discrete", "full").ok());
  EXPECT_EQ(Cases(), -1);
}

TEST_F(Canary, AFolderThatCannotBeWrittenIsNoFault) {
  for (const char* folder : {"/proc/nowhere", ""}) {
    Keep(folder);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(Load("discrete").ok());
      EXPECT_GT(Cases(), 0);
      EXPECT_THAT(log_, Contains(HasSubstr("canary: not remembered")));
    }
  }
}

// On a device of 0.1 GFLOP/s: matrices are cut to some rows, what does not fit is left out, and the time is kept but
// for the last case, whose estimate may be mistaken.
TEST_F(Canary, KeepsItsTime) {
  const loader::SyntheticShape shape = {"mid", "llama", 2, 1024, 16, 4, 64, 4096, 32000, 8192, 1e4, true};
  const LoadOptions options = {.on_log = [this](LogLevel, absl::string_view line) { log_.emplace_back(line); }};
  const auto load = [&] {
    log_.clear();
    hal::DeviceRegistry::Options registry;
    registry.host = hal::HostServices::Create({.log = options.on_log});
    registry.plugin_files = {CONCORD_DISCRETE_PLUGIN};
    auto device = hal::DeviceRegistry::Discover(std::move(registry)).Open("discrete").value();
    auto source = loader::MakeSynthetic(shape, "q8_0", {}).value();
    const absl::Status status = exec::LoadedModel::Load(std::move(source), {std::move(device)}, options).status();
    EXPECT_TRUE(status.ok()) << status;
  };
  load();
  EXPECT_GT(Cases(), 5);
  double seconds = 0;
  for (const std::string& line : log_) {
    int cases = 0;
    std::sscanf(line.c_str(), "canary: %d cases on discrete:0 in %lf s", &cases, &seconds);
  }
  EXPECT_GT(seconds, 0);
  EXPECT_LT(seconds, 3);  // 0.5 s by itself; other processes may be on the same cores
  EXPECT_THAT(log_, Contains(HasSubstr("left out (the time is over)")));
  // Later loads go on, and end where nothing is left that has room in one.
  int loads = 1;
  for (; loads < 50 && Cases() >= 0; ++loads) load();
  EXPECT_EQ(Cases(), -1) << loads;
}

TEST(CanaryBudget, LearnsHowFastADeviceIs) {
  exec::CanaryBudget budget(1000);
  EXPECT_TRUE(budget.Affords(100e9, 0));
  EXPECT_FALSE(budget.Affords(1e12, 0));
  (void)budget.OnDevice(1e12, [] { return 0; });  // in no time
  EXPECT_TRUE(budget.Affords(1e12, 0));
  EXPECT_FALSE(budget.Affords(1e12, 1e12));
  (void)budget.OnDevice(10, [] { return 0; });  // tells nothing
  EXPECT_TRUE(budget.Affords(1e12, 0));
  EXPECT_FALSE(exec::CanaryBudget(0).Affords(1, 0));
}

// The rows of a node that is cut are the first and the last of the model's.
TEST(CutNode, TakesTheFirstAndLastRows) {
  const auto model = exec::LoadedModel::Load("synthetic:tiny:q8_0", {.canary = "off"}).value();
  const exec::LoadedPart& part = *model->parts()[0];
  const graph::Graph& graph = part.module.main;
  int matrices = 0;
  for (const graph::Node& node : graph.nodes) {
    const exec::CutNode cut = exec::Cut(graph, node, 5);
    EXPECT_EQ(cut.rows > 0, exec::MatrixRows(graph, node) > 5) << node.op->name;
    if (cut.rows == 0) continue;
    ++matrices;
    EXPECT_EQ(cut.rows, 5);
    EXPECT_EQ(cut.outputs[0].dims[1].value, 5);
    EXPECT_EQ(cut.At(2), 2);
    EXPECT_EQ(cut.At(3), cut.of - 2);
    const graph::ValueId weight = node.inputs[1];
    const int64_t row = graph.value(weight).type.packing->Bytes(graph.value(weight).type.dims[1].value);
    const auto some =
        exec::ReadWeight(part, model->source(), weight, cut.RangesOf(1, graph.value(weight).type)).value();
    const auto all = exec::ReadWeight(part, model->source(), weight, {{0, cut.of}}).value();
    ASSERT_EQ(static_cast<int64_t>(some.size()), 5 * row);
    EXPECT_TRUE(std::equal(some.begin(), some.begin() + 3 * row, all.begin()));
    EXPECT_TRUE(std::equal(some.begin() + 3 * row, some.end(), all.end() - 2 * row));
  }
  EXPECT_GT(matrices, 5);
}

}  // namespace
}  // namespace concord
