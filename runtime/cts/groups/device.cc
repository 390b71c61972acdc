// What a device says of itself, and that hosts of another age are served.
#include <cstring>

#include "runtime/cts/case.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::cts {
namespace {

bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

absl::Status Info(Context& context) {
  const hal::DeviceInfo& info = context.device().info();
  CONCORD_RETURN_IF_ERROR(Expect(!info.name.empty(), "device_info.name is empty; users choose devices by it"));
  CONCORD_RETURN_IF_ERROR(Expect(!info.kind.empty(), "device_info.kind is empty; want cpu, gpu, npu ..."));
  CONCORD_RETURN_IF_ERROR(
      Expect(!info.kv_layout.empty(), "device_info.kv_layout is empty; want kv.paged/1 or a layout of its own"));
  CONCORD_RETURN_IF_ERROR(Expect(info.max_buffer_bytes > 0, "device_info.max_buffer_bytes is 0"));
  // The host puts values at multiples of 256 bytes at least.
  for (const uint32_t align : {info.binding_align_bytes, info.constant_align_bytes}) {
    CONCORD_RETURN_IF_ERROR(Expect(IsPowerOfTwo(align) && align <= 4096,
                                   absl::StrCat("an alignment is ", align, ", want a power of two up to 4096")));
  }
  return absl::OkStatus();
}

absl::Status InfoStays(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> other, context.OpenDevice());
  const hal::DeviceInfo &a = context.device().info(), &b = other->info();
  return Expect(a.name == b.name && a.flags == b.flags && a.queue_count == b.queue_count &&
                    context.device().Fingerprint() == other->Fingerprint(),
                "name, flags, queues or fingerprint differ when the device is opened a second time");
}

absl::Status UnknownExtension(Context& context) {
  return Expect(context.device().instance().GetExtension("concord.no_such_thing/1") == nullptr,
                "get_extension of a name that does not exist gave a table; want NULL");
}

absl::Status MemoryStats(Context& context) {
  constexpr uint64_t kBytes = 1 << 20;
  const absl::StatusOr<concord_memory_stats> before = context.device().MemoryStats();
  if (absl::IsUnimplemented(before.status())) return Skipped("the plugin has no device_memory_stats");
  CONCORD_RETURN_IF_ERROR(before.status());
  {
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer buffer, context.device().CreateBuffer(kBytes));
    CONCORD_ASSIGN_OR_RETURN(const concord_memory_stats during, context.device().MemoryStats());
    CONCORD_RETURN_IF_ERROR(Expect(during.used_bytes >= before->used_bytes + kBytes,
                                   absl::StrCat("used_bytes went from ", before->used_bytes, " to ", during.used_bytes,
                                                " with a buffer of ", kBytes)));
    CONCORD_RETURN_IF_ERROR(Expect(during.peak_bytes >= during.used_bytes, "peak_bytes is below used_bytes"));
  }
  CONCORD_ASSIGN_OR_RETURN(const concord_memory_stats after, context.device().MemoryStats());
  return Expect(
      after.used_bytes == before->used_bytes,
      absl::StrCat("used_bytes is ", after.used_bytes, " after the buffer is gone, want ", before->used_bytes));
}

// The instance and its device beside the ones that are in use, and away again.
absl::Status SecondInstance(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(Context::Fresh fresh, context.OpenFresh());
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<hal::Device> device, fresh.OpenDevice());
  CONCORD_RETURN_IF_ERROR(device->CreateBuffer(100).status());
  device.reset();
  fresh.instance.reset();
  const std::string complaints = fresh.complaints->Take();
  return Expect(complaints.empty(), complaints);
}

absl::Status CreateWith(const concord_plugin_api& api, const concord_host_api* host, absl::string_view what) {
  concord_instance* instance = nullptr;
  concord_error error = hal::NoError();
  const int32_t made = api.create(host, &instance, &error);
  CONCORD_RETURN_IF_ERROR(hal::ToStatus(made, error, absl::StrCat("create with ", what)));
  CONCORD_RETURN_IF_ERROR(Expect(instance != nullptr, absl::StrCat("create with ", what, " made nothing")));
  error = hal::NoError();
  return hal::ToStatus(api.shutdown(instance, &error), error, absl::StrCat("shutdown after create with ", what));
}

// A host that knew less: its struct ends before `alloc`. And one that will know more: fields behind ours.
absl::Status HostOfAnotherAge(Context& context) {
  const concord_plugin_api& api = context.device().api();
  concord_host_api older = context.device().instance().host().api();
  std::memset(reinterpret_cast<char*>(&older) + offsetof(concord_host_api, alloc), 0xEE,
              sizeof(older) - offsetof(concord_host_api, alloc));
  older.struct_size = offsetof(concord_host_api, alloc);
  CONCORD_RETURN_IF_ERROR(CreateWith(api, &older, "an older host's struct, which ends before alloc"));
  struct {
    concord_host_api known;
    char unknown[64];
  } newer{};
  newer.known = context.device().instance().host().api();
  newer.known.struct_size = sizeof(newer);
  std::memset(newer.unknown, 0xEE, sizeof(newer.unknown));
  return CreateWith(api, &newer.known, "a newer host's struct, 64 bytes longer");
}

// A newer host's arguments are longer, and what it asks to be filled has room behind what the plugin knows.
absl::Status NewerStructs(Context& context) {
  const hal::Device& device = context.device();
  struct {
    concord_buffer_desc known;
    char unknown[64];
  } desc{};
  desc.known.struct_size = sizeof(desc);
  desc.known.size_bytes = 100;
  desc.known.align_bytes = 64;
  std::memset(desc.unknown, 0xEE, sizeof(desc.unknown));
  concord_error error = hal::NoError();
  concord_buffer* buffer = nullptr;
  const int32_t code = device.api().buffer_create(device.get(), &desc.known, &buffer, &error);
  CONCORD_RETURN_IF_ERROR(hal::ToStatus(code, error, "buffer_create with a longer desc"));
  device.api().buffer_destroy(buffer);
  // An older host's: what lies behind its end must stay as it is.
  concord_support answer{};
  std::memset(&answer, 0x5A, sizeof(answer));
  answer.struct_size = offsetof(concord_support, reason) + 16;
  concord_program_desc nothing = hal::Sized<concord_program_desc>();
  concord_op_desc op{};
  op.name = {"no_such_op", 10};
  op.version = 1;
  nothing.ops = {&op, 1, sizeof(op)};
  CONCORD_RETURN_IF_ERROR(hal::ToStatus(device.api().program_query_op(device.get(), &nothing, 0, &answer, &error),
                                        error, "query of an op that does not exist"));
  CONCORD_RETURN_IF_ERROR(Expect(answer.level == CONCORD_SUPPORT_NO, "an op that does not exist is not refused"));
  return Expect(answer.reason[17] == 0x5A && answer.reason[239] == 0x5A,
                "program_query_op wrote behind the end of an older host's concord_support");
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(device) {
  return {.name = "device", .step = 1, .cases = [] {
            return std::vector<Case>{StatusCase("device/info", Info),
                                     StatusCase("device/info_stays", InfoStays),
                                     StatusCase("device/unknown_extension", UnknownExtension),
                                     StatusCase("device/memory_stats", MemoryStats),
                                     StatusCase("device/second_instance", SecondInstance),
                                     StatusCase("device/host_of_another_age", HostOfAnotherAge),
                                     StatusCase("device/structs_of_another_age", NewerStructs)};
          }};
}

}  // namespace concord::cts
