#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <cstring>
#include <filesystem>

#include "tests/e2e/program.h"

// What a user gets for what does not work: one sentence, the exit code of whose fault it is, and nothing on standard
// output.
namespace concord::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void ExpectFailure(const std::vector<std::string>& args, int exit_code, const std::string& says) {
  const Outcome run = RunModel(args);
  EXPECT_EQ(run.exit_code, exit_code) << run.err;
  EXPECT_THAT(run.err, AllOf(testing::StartsWith("run-model: "), HasSubstr(says)));
  EXPECT_EQ(run.out, "");
}

// The golden GGUF file with `change` applied, as a new file.
template <typename Fn>
std::string Damaged(const std::string& name, Fn change) {
  std::string bytes = ReadFile(Golden("llama/llama.gguf"));
  change(&bytes);
  WriteFile(Scratch(name), bytes);
  return Scratch(name);
}

void Put64(std::string* bytes, size_t at, uint64_t value) { std::memcpy(bytes->data() + at, &value, sizeof(value)); }

// Where the text stands that begins a key or name in the file, or behind it.
size_t Find(const std::string& bytes, const std::string& text) {
  const size_t at = bytes.find(text);
  EXPECT_NE(at, std::string::npos) << text;
  return at;
}

void ExpectBadModel(const std::string& path, const std::string& says) {
  ExpectFailure({path, "-p", "a", "-n", "4"}, 3, says);
}

TEST(BadModel, Truncated) {
  ExpectBadModel(Damaged("half.gguf", [](std::string* b) { b->resize(b->size() / 2); }), "half.gguf");
  ExpectBadModel(Damaged("head.gguf", [](std::string* b) { b->resize(20); }), "head.gguf");
}
TEST(BadModel, Empty) {
  ExpectBadModel(Damaged("empty.gguf", [](std::string* b) { b->clear(); }), "empty");
}
TEST(BadModel, WrongMagic) {
  ExpectBadModel(Damaged("m.gguf", [](std::string* b) { (*b)[0] = 'X'; }), "not a model");
}
TEST(BadModel, Version) {
  ExpectBadModel(Damaged("v.gguf", [](std::string* b) { (*b)[4] = 9; }), "version");
}
TEST(BadModel, AbsurdCounts) {
  ExpectBadModel(Damaged("t.gguf", [](std::string* b) { Put64(b, 8, UINT64_MAX / 2); }), "t.gguf");
  ExpectBadModel(Damaged("k.gguf", [](std::string* b) { Put64(b, 16, UINT64_MAX); }), "k.gguf");
  ExpectBadModel(Damaged("l.gguf", [](std::string* b) { Put64(b, 24, UINT64_MAX - 3); }), "l.gguf");
}
TEST(BadModel, ZeroDimension) {
  const std::string name = "output_norm.weight";
  ExpectBadModel(Damaged("z.gguf", [&](std::string* b) { Put64(b, Find(*b, name) + name.size() + 4, 0); }), name);
}
TEST(BadModel, OffsetBeyondTheFile) {
  const std::string name = "output_norm.weight";  // name, n_dims u32, one dim u64, type u32, offset u64
  ExpectBadModel(
      Damaged("o.gguf", [&](std::string* b) { Put64(b, Find(*b, name) + name.size() + 16, UINT64_MAX - 31); }), name);
}
TEST(BadModel, UnknownType) {
  const std::string name = "output_norm.weight";
  ExpectBadModel(Damaged("y.gguf", [&](std::string* b) { (*b)[Find(*b, name) + name.size() + 12] = 99; }), "99");
}
TEST(BadModel, DuplicateNames) {
  const auto change = [](std::string* b) { (*b)[Find(*b, "blk.1.attn_q.weight") + 4] = '0'; };
  ExpectBadModel(Damaged("d.gguf", change), "blk.0.attn_q.weight");
}
TEST(BadModel, MissingTensor) {
  const auto change = [](std::string* b) { (*b)[Find(*b, "blk.0.attn_q.weight") + 10] = 'x'; };
  ExpectBadModel(Damaged("x.gguf", change), "blk.0.attn_q.weight");
}
TEST(BadModel, MoreLayersThanTheSettingsName) {
  const std::string key = "llama.block_count";
  const auto fewer = [&](std::string* b) { (*b)[Find(*b, key) + key.size() + 4] = 1; };
  ExpectBadModel(Damaged("fewer.gguf", fewer), "layer 1");
}
TEST(BadModel, UnknownArchitecture) {
  const auto change = [](std::string* b) {
    const std::string key = "general.architecture";
    (*b)[Find(*b, key) + key.size() + 4 + 8] = 'x';  // type word, length, "llama"
  };
  const std::string path = Damaged("a.gguf", change);
  ExpectBadModel(path, "xlama");
  ExpectBadModel(path, "qwen3");  // the known ones are named
}
TEST(BadModel, NotANumber) {
  // Weights in the middle of the file, of whichever matrix: no logit is a number then.
  const auto change = [](std::string* b) { std::memset(b->data() + b->size() / 2, 0xFF, 4096); };
  ExpectFailure({Damaged("nan.gguf", change), "-p", "a", "-n", "4", "--json"}, 3, "finite");
}

TEST(BadModel, NoSuchFile) { ExpectBadModel("./nowhere.gguf", "nowhere.gguf"); }
TEST(BadModel, FolderWithoutModel) {
  std::filesystem::create_directories(Scratch("folder"));
  ExpectBadModel(Scratch("folder"), "config.json");
}
TEST(BadModel, BrokenConfig) {
  std::filesystem::copy(Golden("llama"), Scratch("hf"), std::filesystem::copy_options::recursive);
  WriteFile(Scratch("hf") + "/config.json", "{\"architectures\": [");
  ExpectBadModel(Scratch("hf"), "config.json");
}
TEST(BadModel, MissingTokenizer) {
  std::filesystem::copy(Golden("llama"), Scratch("hf"), std::filesystem::copy_options::recursive);
  std::filesystem::remove(Scratch("hf") + "/tokenizer.json");
  ExpectBadModel(Scratch("hf"), "tokenizer");
}
TEST(BadModel, UnknownSynthetic) { ExpectBadModel("synthetic:nothing", "llama-3.2-1b"); }

TEST(Usage, Misspelt) {
  ExpectFailure({"benhc"}, 2, "bench");
  ExpectFailure({"bench", "--prefil", "3"}, 2, "--prefill");
  ExpectFailure({"tokenize"}, 2, "MODEL");
  ExpectFailure({"inspect", "a", "b"}, 2, "'b'");
  ExpectFailure({"--kv-type", "q3", "-p", "a"}, 2, "q8_0");
  ExpectFailure({"--threads", "many", "-p", "a"}, 2, "--threads is 'many', want a number");
  ExpectFailure({"-p", "a", "--top-k"}, 2, "--top-k needs a value");
  ExpectFailure({"--threads", "-2", "-p", "a"}, 2, "at least 0");
  ExpectFailure({"--place", "x"}, 2, "--place");
  ExpectFailure({"--lang", "fr"}, 2, "want en, zh");
}
TEST(Usage, Prompt) {
  const std::string model = Golden("gpt2/gpt2.gguf");  // 48 positions
  std::string text;
  for (int i = 0; i < 200; ++i) text += "word ";
  ExpectFailure({model, "-p", text}, 2, "context");
  ExpectFailure({model, "-p", "a", "--context", "100000"}, 2, "context");
  ExpectFailure({model, "-p", "a", "--top-p", "3"}, 2, "top_p");
  ExpectFailure({model, "-p", "a", "--logit-bias", "x"}, 2, "--logit-bias");
  ExpectFailure({model, "-p", "a", "-f", "b"}, 2, "-p or -f");
  ExpectFailure({model, "-f", "./nowhere.txt"}, 2, "nowhere.txt");
  ExpectFailure({model}, 2, "prompt");  // standard input is empty
}
TEST(Usage, InvalidUtf8) {
  ExpectFailure({Golden("llama/llama.gguf"), "-p", "a\xFF\xC0z", "-n", "2"}, 2, "byte 0xFF at offset 1");
}

TEST(Device, Unknown) {
  ExpectFailure({Golden("llama/llama.gguf"), "-p", "a", "--device", "tpu"}, 5, "tpu");
  ExpectFailure({"plan", Golden("llama/llama.gguf"), "--device", "tpu:3"}, 5, "tpu:3");
}
TEST(Device, PluginThatIsNone) {
  WriteFile(Scratch("libconcord_backend_x.so"), "not a library");
  const std::string plugin = Scratch("libconcord_backend_x.so");
  ExpectFailure({Golden("llama/llama.gguf"), "-p", "a", "--plugin", plugin}, 5, "libconcord_backend_x.so");
  ExpectFailure({"devices", "--plugin", plugin}, 5, "libconcord_backend_x.so");
  ExpectFailure({"devices", "--plugin", "./none.so"}, 5, "none.so");
  EXPECT_EQ(RunModel({"doctor", "--plugin", plugin}).exit_code, 0);  // whose task it is to say so
}
TEST(Device, PluginCutShort) {  // mapped whole by dlopen, and a bus error at the first touch
  std::string bytes = ReadFile("/proc/self/exe");
  WriteFile(Scratch("libcut.so"), bytes.substr(0, 20000));
  ExpectFailure({"-p", "a", "--plugin", Scratch("libcut.so")}, 5, "cut short");
}
TEST(Device, RefusesAnOp) {  // the null plugin refuses all of them
  const std::string plugin = std::string(CONCORD_BINARY_DIR) + "/plugins/libconcord_backend_null.so";
  const std::string model = "synthetic:tiny:f32";
  const std::string why = "null:0 cannot compute node 0 (embed): this device has no op embed";
  ExpectFailure({model, "--plugin", plugin, "--device", "null", "-p", "x"}, 5, why);
  ExpectFailure({"plan", model, "--plugin", plugin, "--device", "null"}, 5, why);
  ExpectFailure({"bench", model, "--plugin", plugin, "--device", "null", "--no-machine"}, 5, why);
}
TEST(Memory, NotEnough) {  // 100,000 contexts of 8,192 tokens: 800 GB
  ExpectFailure({"bench", "synthetic:tiny:q8_0", "--context", "8192", "--batch", "100000", "--no-machine"}, 4,
                "KV cache");
}

Outcome WithAddressSpace(int mib, const std::vector<std::string>& args) {
  rlimit before{};
  EXPECT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const rlimit limited{static_cast<rlim_t>(mib) << 20, before.rlim_max};
  EXPECT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  Program program(args);
  EXPECT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  return program.Wait();
}

// With too little room for a thread's stack, or for anything: an answer, or a sentence; never a hang or an abort.
TEST(Memory, TooLittleForThreads) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "no address space that could be limited: a sanitizer reserves terabytes (the release build runs this)";
#endif
  // What libraries do with too little for them, before main, is theirs: protobuf's initializers may abort.
  int least = 8;
  while (least < 200 && WithAddressSpace(least, {"--version"}).exit_code != 0) ++least;
  ASSERT_LT(least, 200);
  for (int more : {0, 1, 2, 4, 8, 14, 18, 22, 26, 30}) {
    const Outcome run = WithAddressSpace(least + more, {"-p", "a", "-n", "2", "--context", "64"});
    EXPECT_THAT(run.exit_code, testing::AnyOf(0, 4)) << least << " + " << more << " MiB: " << run.err;
  }
}

TEST(Output, IsADevice) {
  ExpectFailure({"quantize", Golden("llama/llama.gguf"), "/dev/null", "--type", "q8_0"}, 2,
                "it is a folder or a device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(Output, DiskFull) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string command = std::string(CONCORD_BINARY_DIR) + "/bin/run-model " + Golden("llama/llama.gguf") +
                              " -p a -n 4 > /dev/full 2> " + Scratch("err");
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(ReadFile(Scratch("err")), HasSubstr("standard output"));
}

}  // namespace
}  // namespace concord::e2e
