// What is destroyed is gone: ten times the same, and as much memory and as many objects as after the first time.
#include "runtime/cts/add_program.h"
#include "runtime/cts/case.h"
#include "runtime/cts/one_op.h"
#include "runtime/cts/op_cases.h"

namespace concord::cts {
namespace {

constexpr int kRounds = 10;

struct Held {
  uint64_t host_bytes = 0;    // of host_api.alloc
  uint64_t device_bytes = 0;  // as the plugin counts; 0 where it does not
};

Held HeldBy(const Context::Fresh& fresh, const hal::Device& device) {
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  return {fresh.host->allocated_bytes(), stats.ok() ? stats->used_bytes : 0};
}

absl::Status Objects(const hal::Device& device) {
  Rig rig(device);
  CONCORD_RETURN_IF_ERROR(rig.MakeBuffer(std::string(5000, 'b')).status());
  CONCORD_RETURN_IF_ERROR(rig.MakeBuffer(5000, CONCORD_BUFFER_STAGING).status());
  return rig.MakeSemaphore().status();
}

absl::Status Program(const hal::Device& device) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(device, 2));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(50));
  Rig rig(device);
  CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 50, 1));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point signal = done->At(1);
  CONCORD_RETURN_IF_ERROR(device.Submit(
      {.prepared = &prepared, .values = {&step.rows, 1}, .bindings = step.bindings, .signals = {&signal, 1}}));
  return done->Wait(1, kSoon);
}

// A linear layer: what it packs of its weight has to go with it.
absl::Status Weights(const hal::Device& device) {
  OneOp op(device, *FindOpCase("linear/f32/f32/7x333x65_bias"));
  CONCORD_RETURN_IF_ERROR(op.Build());
  CONCORD_ASSIGN_OR_RETURN(const hal::Support support, op.Query());
  return support.ok() ? op.RunDevice() : Refused(support.reason);
}

absl::Status Repeat(Context& context, absl::Status (*use)(const hal::Device&)) {
  CONCORD_ASSIGN_OR_RETURN(Context::Fresh fresh, context.OpenFresh());
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<hal::Device> device, fresh.OpenDevice());
  Held first;
  for (int round = 1; round <= kRounds; ++round) {
    CONCORD_RETURN_IF_ERROR(use(*device));
    const Held held = HeldBy(fresh, *device);
    if (round == 1) first = held;
    const auto grew = [&](absl::string_view what, uint64_t before, uint64_t now) {
      return Expect(now <= before,
                    absl::StrCat(what, " went from ", before, " bytes after round 1 to ", now, " after round ", round));
    };
    CONCORD_RETURN_IF_ERROR(grew("memory of host_api.alloc", first.host_bytes, held.host_bytes));
    CONCORD_RETURN_IF_ERROR(grew("memory_stats.used_bytes", first.device_bytes, held.device_bytes));
  }
  device.reset();
  fresh.instance.reset();
  const std::string complaints = fresh.complaints->Take();  // objects that close or shutdown still saw
  CONCORD_RETURN_IF_ERROR(Expect(complaints.empty(), complaints));
  const uint64_t left = fresh.host->allocated_bytes();
  return Expect(left == 0, absl::StrCat(left, " bytes of host_api.alloc are held after shutdown"));
}

template <absl::Status (*kUse)(const hal::Device&)>
absl::Status Tenfold(Context& context) {
  return Repeat(context, kUse);
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(leaks) {
  return {.name = "leaks", .step = 10, .cases = [] {
            return std::vector<Case>{StatusCase("leaks/objects", Tenfold<Objects>),
                                     StatusCase("leaks/program", Tenfold<Program>),
                                     StatusCase("leaks/weights", Tenfold<Weights>)};
          }};
}

}  // namespace concord::cts
