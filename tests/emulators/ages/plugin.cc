// A plugin without ops, as it would have been built with another version of concord/plugin.h. CONCORD_AGE says which.
#include <cstddef>
#include <cstring>

#include "backends/sdk/sdk.h"

namespace concord::ages {
namespace {

enum Age {
  kLaterMajor,    // the next major version: its table says so
  kRefusesHost,   // the same, and query itself refuses hosts of this one
  kEarlierTable,  // from before the table was what v0.1 has
  kFirstTable,    // as it was in v0.1
  kLaterMinor,    // a later minor version: its table goes on behind what this host knows
};

class Program final : public sdk::Program {
 public:
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args&, concord_prepare_result*) override {
    return sdk::Error(CONCORD_UNIMPLEMENTED, "there is no op");
  }
};

class Device final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;
  static void Describe(concord_device_info* out) { out->name = sdk::ToC("device of another age"); }
  sdk::Support QueryOp(const sdk::Op& op) override { return sdk::No("there is no op ", op.name()); }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc&) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<Program>());
  }
};

struct LongerTable {
  concord_plugin_api known;
  void (*functions_to_come[8])();
};

LongerTable Make() {
  LongerTable table{};
  table.known = sdk::internal::Table::Make<sdk::HostInstance<Device>>(CONCORD_AGE_NAME, "Concord", "1", "");
  if (CONCORD_AGE == kLaterMajor) table.known.abi_major = CONCORD_ABI_MAJOR + 1;
  if (CONCORD_AGE == kEarlierTable) table.known.struct_size = offsetof(concord_plugin_api, queue_barrier);
  if (CONCORD_AGE == kFirstTable) table.known.struct_size = offsetof(concord_plugin_api, queue_export_state);
  if (CONCORD_AGE == kLaterMinor) {
    table.known.struct_size = sizeof(table);
    table.known.abi_minor = CONCORD_ABI_MINOR + 5;
    std::memset(table.functions_to_come, 0xEE, sizeof(table.functions_to_come));
  }
  return table;
}

}  // namespace
}  // namespace concord::ages

extern "C" __attribute__((visibility("default"))) const concord_plugin_api* concord_plugin_query(
    uint32_t host_abi_major, concord_error* error) {
  static const concord::ages::LongerTable table = concord::ages::Make();
  if (CONCORD_AGE != concord::ages::kRefusesHost) return &table.known;
  concord::sdk::FillError(concord::sdk::Error(CONCORD_FAILED_PRECONDITION, "this plugin serves hosts of ABI major ",
                                              CONCORD_ABI_MAJOR + 1, ", not ", host_abi_major, "; get a newer Concord"),
                          error);
  return nullptr;
}
