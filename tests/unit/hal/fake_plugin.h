#pragma once

#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "backends/sdk/sdk.h"

// A plugin made in the test itself with the SDK: two host devices, and programs that do what the test's `body` says.
namespace concord::fake {

struct Script {
  // Runs when a program executes; may be empty.
  std::function<sdk::Status(const sdk::Work&)> body;
};

// What the next instance uses; tests set it before they create one.
inline Script*& CurrentScript() {
  static Script* script = nullptr;
  return script;
}

class FakePrepared final : public sdk::HostPrepared {
 public:
  explicit FakePrepared(Script* script) : script_(script) {}
  sdk::Status Check(const sdk::Work&) override { return sdk::Ok(); }
  sdk::Status Execute(const sdk::Work& work) override {
    return script_ != nullptr && script_->body ? script_->body(work) : sdk::Ok();
  }

 private:
  Script* script_;
};

class FakeProgram final : public sdk::Program {
 public:
  explicit FakeProgram(Script* script) : script_(script) {}
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    result->workspace_bytes = args.planned_bytes;
    return std::unique_ptr<sdk::Prepared>(new FakePrepared(script_));
  }

 private:
  Script* script_;
};

class FakeDevice final : public sdk::HostDevice {
 public:
  FakeDevice(const sdk::Host* host, sdk::InlineScheduler* scheduler, Script* script)
      : HostDevice(host, scheduler), script_(script) {}
  sdk::Support QueryOp(const sdk::Op& op) override {
    if (op.name() == "throws") throw std::runtime_error("thrown on purpose");
    if (op.name() == "oom") throw std::bad_alloc();
    if (op.name() != "fine") return sdk::No("no op ", op.name());
    const std::string_view unknown = op.attrs().Unknown({"known"});
    return unknown.empty() ? sdk::Supported() : sdk::No("unknown attribute ", unknown);
  }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc&) override {
    return std::unique_ptr<sdk::Program>(new FakeProgram(script_));
  }

 private:
  Script* script_;
};

class FakeInstance final : public sdk::Instance {
 public:
  explicit FakeInstance(const sdk::Host& host) : host_(host), script_(CurrentScript()) {}
  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(new FakeInstance(host));
  }
  uint32_t DeviceCount() override { return 2; }
  sdk::Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT;
    out->name = sdk::ToC("fake device");
    out->queue_count = 1;
    out->max_partition_ops = 77;
    return sdk::Ok();
  }
  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<sdk::Device>(new FakeDevice(&host_, &scheduler_, script_));
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
  Script* script_;
};

inline concord_plugin_api Api() { return sdk::internal::Table::Make<FakeInstance>("fake", "test", "1", ""); }

}  // namespace concord::fake
