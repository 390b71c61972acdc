// Copies, fills and barriers: what they touch, in which order, and what is refused before it is enqueued.
#include "runtime/cts/case.h"
#include "runtime/cts/rig.h"
#include "runtime/hal/chain.h"

namespace concord::cts {
namespace {

// Makes a chain of work on a device.
absl::StatusOr<hal::Chain> MakeChain(const hal::Device& device) {
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device.CreateSemaphore());
  return hal::Chain(std::move(semaphore));
}

absl::Status CopyInto(const hal::Buffer& source, uint64_t from, const hal::Buffer& target, uint64_t to, uint64_t size,
                      hal::Chain* chain) {
  const concord_point wait = chain->last(), signal = chain->next();
  CONCORD_RETURN_IF_ERROR(source.device().Copy({.source = &source,
                                                .target = &target,
                                                .source_offset_bytes = from,
                                                .target_offset_bytes = to,
                                                .size_bytes = size,
                                                .waits = {&wait, 1},
                                                .signals = {&signal, 1}}));
  chain->Advance();
  return absl::OkStatus();
}

absl::Status Copy(Context& context) {
  Rig rig(context.device());
  const std::string from = RandomBytes(context.seed() + 1, 5000), to = RandomBytes(context.seed() + 2, 6000);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* source, rig.MakeBuffer(from));
  struct Range {
    uint64_t from, to, size;
  };
  for (const Range& r : {Range{0, 0, 5000}, {1, 3, 1}, {777, 1001, 2049}, {4999, 5999, 1}, {8, 4, 0}}) {
    std::string want = to;
    want.replace(r.to, r.size, from, r.from, r.size);
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* target, rig.MakeBuffer(to));
    CONCORD_ASSIGN_OR_RETURN(hal::Chain chain, MakeChain(context.device()));
    CONCORD_RETURN_IF_ERROR(CopyInto(*source, r.from, *target, r.to, r.size, &chain));
    CONCORD_RETURN_IF_ERROR(chain.Wait());
    CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*target));
    const std::string what = absl::StrCat("a copy of ", r.size, " bytes from ", r.from, " to ", r.to);
    CONCORD_RETURN_IF_ERROR(ExpectBytes(got, want, what));
  }
  return absl::OkStatus();
}

absl::Status StagingCopy(Context& context) {
  Rig rig(context.device());
  const std::string bytes = RandomBytes(context.seed(), 4097);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* up, rig.MakeBuffer(bytes.size(), CONCORD_BUFFER_STAGING));
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* there, rig.MakeBuffer(bytes.size()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* down, rig.MakeBuffer(bytes.size(), CONCORD_BUFFER_STAGING));
  CONCORD_RETURN_IF_ERROR(up->Write(0, bytes));
  CONCORD_ASSIGN_OR_RETURN(hal::Chain chain, MakeChain(context.device()));
  CONCORD_RETURN_IF_ERROR(CopyInto(*up, 0, *there, 0, bytes.size(), &chain));
  CONCORD_RETURN_IF_ERROR(CopyInto(*there, 0, *down, 0, bytes.size(), &chain));
  CONCORD_RETURN_IF_ERROR(chain.Wait());
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*down));
  return ExpectBytes(got, bytes, "staging to device to staging");
}

absl::Status Fill(Context& context) {
  Rig rig(context.device());
  const std::string before = RandomBytes(context.seed(), 4096);
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  uint64_t value = 0;
  for (const auto& [offset, size] : {std::pair<size_t, size_t>{0, 4096}, {4, 4}, {1000, 2052}, {4092, 4}, {64, 0}}) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(before));
    const concord_point signal = done->At(++value);
    CONCORD_RETURN_IF_ERROR(context.device().Fill({.target = buffer,
                                                   .offset_bytes = offset,
                                                   .size_bytes = size,
                                                   .pattern = 0x44434241,
                                                   .signals = {&signal, 1}}));
    CONCORD_RETURN_IF_ERROR(done->Wait(value, kSoon));
    std::string want = before;
    for (size_t i = 0; i < size; ++i) want[offset + i] = "ABCD"[i % 4];
    CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*buffer));
    CONCORD_RETURN_IF_ERROR(ExpectBytes(got, want, absl::StrCat("a fill of bytes ", offset, " + ", size)));
  }
  return absl::OkStatus();
}

absl::Status ExpectRefused(const absl::Status& status, const hal::Semaphore& signal, absl::string_view what) {
  CONCORD_RETURN_IF_ERROR(Expect(!status.ok(), absl::StrCat(what, " was not refused")));
  return ExpectCode(signal.Wait(1, absl::Milliseconds(5)), absl::StatusCode::kDeadlineExceeded,
                    absl::StrCat(what, " was refused, and then its signal"));
}

absl::Status OutOfRange(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* small, rig.MakeBuffer(std::string(100, 'a')));
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* large, rig.MakeBuffer(std::string(200, 'b')));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point signal = done->At(1);
  hal::CopyArgs copy{.source = small, .target = large, .size_bytes = 101, .signals = {&signal, 1}};
  CONCORD_RETURN_IF_ERROR(ExpectRefused(context.device().Copy(copy), *done, "a copy that leaves its source"));
  copy = {.source = large, .target = small, .target_offset_bytes = 50, .size_bytes = 51, .signals = {&signal, 1}};
  CONCORD_RETURN_IF_ERROR(ExpectRefused(context.device().Copy(copy), *done, "a copy that leaves its target"));
  copy = {.source = large, .target = small, .source_offset_bytes = UINT64_MAX - 7, .size_bytes = 16};
  copy.signals = {&signal, 1};
  CONCORD_RETURN_IF_ERROR(ExpectRefused(context.device().Copy(copy), *done, "a copy whose range wraps around"));
  hal::FillArgs fill{.target = small, .offset_bytes = 52, .size_bytes = 52, .signals = {&signal, 1}};
  CONCORD_RETURN_IF_ERROR(ExpectRefused(context.device().Fill(fill), *done, "a fill that leaves its buffer"));
  fill = {.target = small, .size_bytes = 7, .signals = {&signal, 1}};
  CONCORD_RETURN_IF_ERROR(ExpectRefused(context.device().Fill(fill), *done, "a fill of 7 bytes, no multiple of 4"));
  const absl::Status queue = context.device().Barrier({}, {&signal, 1}, context.device().info().queue_count);
  CONCORD_RETURN_IF_ERROR(ExpectRefused(queue, *done, "a barrier in a queue that does not exist"));
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*small));
  return ExpectBytes(got, std::string(100, 'a'), "the buffer that nothing should have written to");
}

absl::Status BarrierSignalsAll(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* a, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* b, rig.MakeSemaphore(3));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* c, rig.MakeSemaphore());
  const concord_point signals[] = {a->At(4), b->At(9)}, waits[] = {a->At(4), b->At(9)}, last = c->At(1);
  CONCORD_RETURN_IF_ERROR(context.device().Barrier({}, signals));
  CONCORD_RETURN_IF_ERROR(context.device().Barrier(waits, {&last, 1}));
  CONCORD_RETURN_IF_ERROR(c->Wait(1, kSoon));
  CONCORD_ASSIGN_OR_RETURN(const uint64_t value, b->Query());
  return Expect(value == 9, absl::StrCat("a semaphore that a barrier signals to 9 is at ", value));
}

// A byte is handed on through many buffers: every copy needs the one before.
absl::Status Order(Context& context) {
  constexpr int kCopies = 60;
  Rig rig(context.device());
  const std::string bytes = RandomBytes(context.seed(), 256);
  std::vector<const hal::Buffer*> buffers;
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* first, rig.MakeBuffer(bytes));
  buffers.push_back(first);
  CONCORD_ASSIGN_OR_RETURN(hal::Chain chain, MakeChain(context.device()));
  for (int i = 0; i < kCopies; ++i) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* next, rig.MakeBuffer(bytes.size()));
    CONCORD_RETURN_IF_ERROR(CopyInto(*buffers.back(), 0, *next, 0, bytes.size(), &chain));
    buffers.push_back(next);
  }
  CONCORD_RETURN_IF_ERROR(chain.Wait());
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*buffers.back()));
  return ExpectBytes(got, bytes,
                     absl::StrCat("the last of ", kCopies, " copies, each of which waits for the one before"));
}

// Far more than a step needs at once: all of it runs, or the queue says that it is full and goes on after a wait.
absl::Status ManyInFlight(Context& context) {
  constexpr uint64_t kItems = 3000;
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  for (uint64_t i = 1; i <= kItems; ++i) {
    const concord_point wait = done->At(i - 1), signal = done->At(i);
    absl::Status status = context.device().Barrier({&wait, 1}, {&signal, 1});
    if (absl::IsResourceExhausted(status)) {
      CONCORD_RETURN_IF_ERROR(done->Wait(i - 1, kSoon));
      status = context.device().Barrier({&wait, 1}, {&signal, 1});
    }
    CONCORD_RETURN_IF_ERROR(Annotate(status, absl::StrCat("barrier ", i)));
  }
  return done->Wait(kItems, kSoon);
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(queue) {
  return {.name = "queue", .step = 4, .cases = [] {
            return std::vector<Case>{StatusCase("queue/copy", Copy),
                                     StatusCase("queue/copy_staging", StagingCopy),
                                     StatusCase("queue/fill", Fill),
                                     StatusCase("queue/out_of_range", OutOfRange),
                                     StatusCase("queue/order", Order),
                                     StatusCase("queue/barrier_signals_all", BarrierSignalsAll),
                                     StatusCase("queue/many_in_flight", ManyInFlight)};
          }};
}

}  // namespace concord::cts
