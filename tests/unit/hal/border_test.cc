// Hosts and plugins of differing ages, refusals, and what must not cross the border.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <dlfcn.h>

#include "gtest/gtest.h"
#include "runtime/hal/device.h"
#include "runtime/hal/device_registry.h"
#include "runtime/hal/import.h"
#include "tests/unit/hal/fake_plugin.h"

namespace concord::hal {
namespace {

namespace fs = std::filesystem;

concord_plugin_api& Table() {
  static concord_plugin_api api;
  return api;
}
const concord_plugin_api* QueryTable(uint32_t, concord_error*) { return &Table(); }

std::string NullPlugin() { return std::string(CONCORD_BINARY_DIR) + "/plugins/libconcord_backend_null.so"; }

// What hal says when it is offered `api`.
absl::Status Offer(const concord_plugin_api& api, const std::string& name = "") {
  Table() = api;
  return Plugin::FromQuery(&QueryTable, "x.so", name).status();
}

void ExpectRefused(const absl::Status& status, const std::string& words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(std::string(status.message()).find(words), std::string::npos) << status;
  EXPECT_EQ(std::string(status.message()).find('\n'), std::string::npos) << status;
}

TEST(Refusals, OneClearSentenceEach) {
  concord_plugin_api api = fake::Api();
  EXPECT_TRUE(Offer(api).ok());
  EXPECT_TRUE(Offer(api, "fake").ok());
  ExpectRefused(Offer(api, "other"), "calls itself 'fake', wanted is 'other'");
  api.abi_major = CONCORD_ABI_MAJOR + 1;
  ExpectRefused(Offer(api), "ABI major");
  api = fake::Api();
  api.abi_minor = 999;  // for logs, never for refusal
  EXPECT_TRUE(Offer(api).ok());
  api = fake::Api();
  api.struct_size = offsetof(concord_plugin_api, queue_barrier);
  ExpectRefused(Offer(api), "bytes, v0.1 has");
  api = fake::Api();
  api.queue_submit = nullptr;
  ExpectRefused(Offer(api), "does not implement queue_submit");
  api = fake::Api();
  api.sanitizer = api.sanitizer == CONCORD_SANITIZER_THREAD ? CONCORD_SANITIZER_NONE : CONCORD_SANITIZER_THREAD;
  ExpectRefused(Offer(api), "ThreadSanitizer");
  api = fake::Api();
  api.name = sdk::ToC("Fake Device");
  ExpectRefused(Offer(api), "lower-case");
}

TEST(Refusals, APluginThatDeclinesSaysWhy) {
  const auto query = [](uint32_t, concord_error* error) -> const concord_plugin_api* {
    error->code = CONCORD_UNAVAILABLE;
    std::strcpy(error->message, "libfoo.so.1 is missing; install the driver");
    return nullptr;
  };
  const absl::Status status = Plugin::FromQuery(query, "x.so", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(status.message()).find("libfoo.so.1"), std::string::npos);
}

TEST(Ages, OptionalFunctionsOfAnOldPluginAreUnimplemented) {
  concord_plugin_api api = fake::Api();
  api.buffer_import_host = nullptr;
  api.device_memory_stats = nullptr;
  api.program_serialize = nullptr;
  api.program_deserialize = nullptr;
  api.constant_export = nullptr;
  api.device_fingerprint = nullptr;
  api.get_extension = nullptr;
  Table() = api;
  auto instance = *Instance::Create(*Plugin::FromQuery(&QueryTable, "x.so", ""), HostServices::Create());
  auto device = *instance->OpenDevice(0);
  char memory[8];
  EXPECT_EQ(device->ImportHost(memory, 8).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(device->MemoryStats().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(device->Fingerprint(), 0u);
  EXPECT_EQ(instance->GetExtension("concord.trace/1"), nullptr);
}

// Its table ended after queue_barrier; what lies behind is not read.
TEST(Ages, APluginOfTheFirstTableHasNoStateMoves) {
  concord_plugin_api api = fake::Api();
  ASSERT_NE(api.queue_export_state, nullptr);
  api.struct_size = offsetof(concord_plugin_api, queue_export_state);
  Table() = api;
  auto instance = *Instance::Create(*Plugin::FromQuery(&QueryTable, "x.so", ""), HostServices::Create());
  auto device = *instance->OpenDevice(0);
  for (const absl::Status& status : {device->ExportState({}), device->ImportState({})}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_NE(std::string(status.message()).find("the plugin has no state "), std::string::npos) << status;
  }
}

TEST(Ages, ANewerPluginsLongerTableIsReadAsFarAsWeKnowIt) {
  static struct {
    concord_plugin_api api;
    void* later[4];
  } longer{fake::Api(), {nullptr, &longer, &longer, nullptr}};
  longer.api.struct_size = sizeof(longer);
  const auto query = [](uint32_t, concord_error*) -> const concord_plugin_api* { return &longer.api; };
  auto plugin = Plugin::FromQuery(query, "x.so", "fake");
  ASSERT_TRUE(plugin.ok()) << plugin.status();
  EXPECT_EQ((*plugin)->api().struct_size, sizeof(concord_plugin_api));
}

TEST(Ages, StructsThatThePluginFillsStopAtTheSmallerSize) {
  Table() = fake::Api();
  auto instance = *Instance::Create(*Plugin::FromQuery(&QueryTable, "x.so", ""), HostServices::Create());
  auto device = *instance->OpenDevice(1);
  // An old host whose concord_memory_stats ended after used_bytes.
  struct {
    concord_memory_stats stats;
    uint64_t guard;
  } small;
  std::memset(&small, 0x5A, sizeof(small));
  small.stats.struct_size = offsetof(concord_memory_stats, peak_bytes);
  concord_error error{};
  ASSERT_EQ(device->api().device_memory_stats(device->get(), &small.stats, &error), CONCORD_OK);
  EXPECT_EQ(small.stats.used_bytes, 0u);
  EXPECT_EQ(small.stats.peak_bytes, 0x5A5A5A5A5A5A5A5Au);
  EXPECT_EQ(small.stats.struct_size, offsetof(concord_memory_stats, peak_bytes));
  // A newer host with a longer one.
  struct {
    concord_memory_stats stats;
    uint64_t later;
  } large{};
  large.stats.struct_size = sizeof(large);
  large.later = 42;
  ASSERT_EQ(device->api().device_memory_stats(device->get(), &large.stats, &error), CONCORD_OK);
  EXPECT_EQ(large.later, 42u);
  // And one that forgot the size.
  concord_memory_stats none{};
  EXPECT_EQ(device->api().device_memory_stats(device->get(), &none, &error), CONCORD_INVALID_ARGUMENT);
}

TEST(Ages, ArgumentsOfAnOldHostReadAsZeroBeyondTheirEnd) {
  Table() = fake::Api();
  auto instance = *Instance::Create(*Plugin::FromQuery(&QueryTable, "x.so", ""), HostServices::Create());
  auto device = *instance->OpenDevice(0);
  concord_buffer_desc desc;
  std::memset(&desc, 0xFF, sizeof(desc));
  desc.struct_size = offsetof(concord_buffer_desc, align_bytes);  // the garbage behind must not be read
  desc.usage = CONCORD_BUFFER_DEVICE;
  desc.size_bytes = 100;
  concord_buffer* buffer = nullptr;
  concord_error error{};
  ASSERT_EQ(device->api().buffer_create(device->get(), &desc, &buffer, &error), CONCORD_OK) << error.message;
  device->api().buffer_destroy(buffer);
}

// Elements of a wider stride (a newer host) and of a narrower one (an older host).
TEST(Ages, ArraysAreReadByTheirStride) {
  struct Wide {
    concord_symbol_value value;
    uint64_t later;
  } wide[2] = {{{1, 0, 10}, 99}, {{2, 0, 20}, 99}};
  const sdk::ArrayView<concord_symbol_value> view(concord_array{wide, 2, sizeof(Wide)});
  EXPECT_EQ(view[1].symbol, 2u);
  EXPECT_EQ(view[1].value, 20);
  const uint64_t narrow[2] = {7, 8};
  const sdk::ArrayView<concord_symbol_value> old(concord_array{narrow, 2, 8});
  EXPECT_EQ(old[1].symbol, 8u);
  EXPECT_EQ(old[1].value, 0);
}

class OneOp {
 public:
  explicit OneOp(const char* name) {
    op_.name = sdk::ToC(name);
    op_.scope = sdk::ToC("layers.0");
    op_.version = 1;
    desc_.struct_size = sizeof(desc_);
    desc_.name = sdk::ToC("p");
    desc_.ops = {&op_, 1, sizeof(op_)};
  }
  void Attr(concord_attr attr) {
    attr_ = attr;
    op_.attrs = {&attr_, 1, sizeof(attr_)};
  }
  void Input(uint32_t* index) { op_.inputs = {index, 1, 4}; }
  const concord_program_desc& desc() const { return desc_; }

 private:
  concord_op_desc op_{};
  concord_attr attr_{};
  concord_program_desc desc_{};
};

class Border : public ::testing::Test {
 protected:
  void SetUp() override {
    Table() = fake::Api();
    instance_ = *Instance::Create(*Plugin::FromQuery(&QueryTable, "x.so", ""), HostServices::Create());
    device_ = *instance_->OpenDevice(0);
  }
  std::shared_ptr<Instance> instance_;
  std::shared_ptr<Device> device_;
};

TEST_F(Border, ExceptionsBecomeCodes) {
  EXPECT_EQ(device_->QueryOp(OneOp("throws").desc(), 0).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(device_->QueryOp(OneOp("oom").desc(), 0).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(device_->Compile(OneOp("throws").desc()).status().code(), absl::StatusCode::kInternal);
}

TEST_F(Border, CompileNamesTheOpItDeclines) {
  const absl::Status status = device_->Compile(OneOp("strange").desc()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(std::string(status.message()).find("op 0 (strange, layers.0)"), std::string::npos) << status;
  EXPECT_TRUE(device_->Compile(OneOp("fine").desc()).ok());
}

TEST_F(Border, UnknownAttributesAreANoUnlessTheySayNothing) {
  OneOp op("fine");
  concord_attr attr{};
  attr.key = sdk::ToC("new_meaning");
  attr.kind = CONCORD_ATTR_FLOAT;
  op.Attr(attr);
  EXPECT_TRUE(device_->QueryOp(op.desc(), 0)->ok());
  attr.f = 0.5;
  op.Attr(attr);
  const Support support = *device_->QueryOp(op.desc(), 0);
  EXPECT_FALSE(support.ok());
  EXPECT_EQ(support.reason, "unknown attribute new_meaning");
  attr.key = sdk::ToC("known");
  op.Attr(attr);
  EXPECT_TRUE(device_->QueryOp(op.desc(), 0)->ok());
}

TEST_F(Border, IndicesThatPointNowhereAreErrors) {
  OneOp op("fine");
  uint32_t index = 5;
  op.Input(&index);
  EXPECT_EQ(device_->QueryOp(op.desc(), 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(device_->Compile(op.desc()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(device_->QueryOp(op.desc(), 1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(Border, LongMessagesAreCutBetweenCharacters) {
  concord_error error{};
  std::string text(238, 'x');
  text += "é!";
  sdk::FillError(sdk::Error(CONCORD_INTERNAL, text), &error);
  EXPECT_EQ(std::string(error.message), std::string(238, 'x'));
}

TEST_F(Border, ShutdownIsRefusedWhileADeviceIsOpen) {
  concord_host_api host{};
  host.struct_size = sizeof(host);
  concord_instance* raw = nullptr;
  concord_error error{};
  const concord_plugin_api& api = Table();
  ASSERT_EQ(api.create(&host, &raw, &error), CONCORD_OK);
  concord_device* device = nullptr;
  ASSERT_EQ(api.device_open(raw, 0, &device, &error), CONCORD_OK);
  EXPECT_EQ(api.shutdown(raw, &error), CONCORD_FAILED_PRECONDITION);
  EXPECT_EQ(api.device_open(raw, 7, &device, &error), CONCORD_NOT_FOUND);
  // A host without any callback still gets memory.
  concord_buffer_desc desc{};
  desc.struct_size = sizeof(desc);
  desc.size_bytes = 100;
  desc.align_bytes = 256;
  concord_buffer* buffer = nullptr;
  ASSERT_EQ(api.buffer_create(device, &desc, &buffer, &error), CONCORD_OK);
  api.buffer_destroy(buffer);
  EXPECT_EQ(api.device_close(device, &error), CONCORD_OK);
  EXPECT_EQ(api.shutdown(raw, &error), CONCORD_OK);
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    // The name of the running test: folders of tests that run at once must differ.
    folder_ = fs::path(::testing::TempDir()) /
              ("concord_hal_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Files, LoadsByPathAndTwoInstancesShareTheLibrary) {
  auto plugin = Plugin::Load(NullPlugin());
  ASSERT_TRUE(plugin.ok()) << plugin.status();
  auto a = *Instance::Create(*plugin, HostServices::Create());
  auto b = *Instance::Create(*Plugin::Load(NullPlugin()), HostServices::Create());
  auto device_a = *a->OpenDevice(0), device_b = *b->OpenDevice(0);
  const Semaphore s = *device_a->CreateSemaphore(3), t = *device_b->CreateSemaphore(4);
  EXPECT_EQ(*s.Query(), 3u);
  EXPECT_EQ(*t.Query(), 4u);
  EXPECT_EQ(Plugin::Unload(*plugin).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Files, UnloadsWhenNothingUsesIt) {
  const fs::path copy = folder_ / "libconcord_backend_null.so";
  fs::copy_file(NullPlugin(), copy);
  auto plugin = *Plugin::Load(copy.string());
  EXPECT_TRUE(Plugin::Unload(std::move(plugin)).ok());
}

TEST_F(Files, WhatIsNoPluginIsRefused) {
  EXPECT_EQ(Plugin::Load((folder_ / "none.so").string()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Plugin::Load(folder_.string()).status().code(), absl::StatusCode::kNotFound);
  const fs::path text = folder_ / "libconcord_backend_text.so";
  std::ofstream(text) << "not a library";
  ExpectRefused(Plugin::Load(text.string()).status(), "cannot be opened as a plugin");
  Dl_info info{};
  double (*function)(double) = &std::cbrt;
  ASSERT_NE(dladdr(reinterpret_cast<void*>(function), &info), 0);
  if (std::string(info.dli_fname).find("libm") != std::string::npos) {
    ExpectRefused(Plugin::Load(info.dli_fname).status(), "no Concord plugin");
  }
  const fs::path renamed = folder_ / "libconcord_backend_other.so";
  fs::copy_file(NullPlugin(), renamed);
  ExpectRefused(Plugin::Load(renamed.string()).status(), "calls itself 'null', wanted is 'other'");
}

TEST_F(Files, DiscoverFindsByFolderAndKeepsReasons) {
  fs::copy_file(NullPlugin(), folder_ / "libconcord_backend_null.so");
  std::ofstream(folder_ / "libconcord_backend_broken.so") << "broken";
  std::ofstream(folder_ / "unrelated.so") << "ignored";
  DeviceRegistry::Options options;
  options.linked = false;
  options.search_environment = false;
  options.search_path = absl::StrCat("/no/such/folder::", folder_.string());
  const DeviceRegistry registry = DeviceRegistry::Discover(options);
  ASSERT_EQ(registry.devices().size(), 1u);
  EXPECT_EQ(registry.devices()[0].info.id, "null:0");
  ASSERT_EQ(registry.problems().size(), 1u);
  EXPECT_TRUE(registry.Open("null").ok());
  EXPECT_TRUE(registry.Open("null:0").ok());
  EXPECT_EQ(registry.Open("null:1").status().code(), absl::StatusCode::kNotFound);
  const absl::Status broken = registry.Open("broken").status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(broken.message()).find("cannot be opened"), std::string::npos) << broken;
}

TEST_F(Files, TheCpuIsLinkedInAndAlsoLoadsByPath) {
  DeviceRegistry::Options options;
  options.search_environment = false;
  const DeviceRegistry linked = DeviceRegistry::Discover(options);
  ASSERT_NE(linked.Find("cpu:0"), nullptr);
  EXPECT_EQ(linked.Find("cpu")->instance->plugin().path(), "");
  options.plugin_files = {std::string(CONCORD_BINARY_DIR) + "/plugins/libconcord_backend_cpu.so"};
  const DeviceRegistry by_path = DeviceRegistry::Discover(options);
  ASSERT_NE(by_path.Find("cpu:0"), nullptr) << by_path.problems()[0].status;
  EXPECT_NE(by_path.Find("cpu")->instance->plugin().path(), "");
  EXPECT_TRUE(by_path.problems().empty());  // the linked one of the same name is passed over, as the user wanted
  EXPECT_TRUE(by_path.Open("cpu:0").ok());
}

TEST_F(Files, ObjectsKeepTheirDeviceAlive) {
  Semaphore semaphore;
  {
    auto instance = *Instance::Create(*Plugin::Load(NullPlugin()), HostServices::Create());
    semaphore = *(*instance->OpenDevice(0))->CreateSemaphore(1);
  }
  EXPECT_EQ(*semaphore.Query(), 1u);
  Semaphore moved = std::move(semaphore);
  EXPECT_FALSE(semaphore);  // NOLINT: a moved-from handle is empty on purpose
  EXPECT_TRUE(moved.Signal(2).ok());
}

}  // namespace
}  // namespace concord::hal
