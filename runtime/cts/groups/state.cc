// Paged state of a device with a layout of its own: that import and export are each other's inverse, move what they are
// asked to and nothing else, keep their place among other work, and refuse what they cannot. Whether what they move is
// what the device's ops leave and read, ops/kv_append, ops/attention and handover tell.
#include <vector>

#include "runtime/cts/case.h"
#include "runtime/cts/rig.h"
#include "runtime/exec/paged_state.h"

namespace concord::cts {
namespace {

using exec::KvBlockShape;

constexpr char kNeutral[] = "state lies as kv.paged/1: the host copies blocks";
constexpr int64_t kBlocks = 7;

KvBlockShape Shape(const char* packing, int64_t heads, int64_t tokens, int64_t d_head) {
  return {packing::Find(packing), heads, tokens, d_head};
}
// The one that every device which moves states at all should move.
KvBlockShape PlainShape() { return Shape("f16", 2, 32, 64); }

// Blocks of one shape in the device's memory, and in staging memory as kv.paged/1: random bytes in both.
class Blocks {
 public:
  // Skipped and Refused where there is nothing to test.
  static absl::StatusOr<Blocks> Create(Rig& rig, const KvBlockShape& shape, uint64_t seed) {
    if (!exec::KeepsOwnLayout(rig.device())) return Skipped(kNeutral);
    const absl::Status asked = exec::AskForStateMoves(rig.device(), shape);
    if (absl::IsUnimplemented(asked)) return Refused(asked.message());
    CONCORD_RETURN_IF_ERROR(asked);
    Blocks blocks(&rig, shape);
    blocks.state_bytes = RandomBytes(seed, kBlocks * shape.bytes());
    blocks.rows_bytes = RandomBytes(seed + 1, kBlocks * shape.bytes());
    CONCORD_ASSIGN_OR_RETURN(blocks.state, rig.MakeBuffer(blocks.state_bytes));
    CONCORD_ASSIGN_OR_RETURN(blocks.rows, rig.MakeBuffer(blocks.rows_bytes.size(), CONCORD_BUFFER_STAGING));
    CONCORD_RETURN_IF_ERROR(blocks.rows->Write(0, blocks.rows_bytes));
    return blocks;
  }

  uint64_t bytes(int64_t count = 1) const { return static_cast<uint64_t>(count * shape_.bytes()); }
  std::string RowsOf(int64_t block, int64_t count = 1) const { return rows_bytes.substr(bytes(block), bytes(count)); }

  // `count` blocks from `in_state` and `in_rows` on.
  hal::StateArgs Args(int64_t in_state, int64_t in_rows, int64_t count) const {
    hal::StateArgs args = exec::StateArgsOf(shape_);
    args.state = state, args.state_offset_bytes = bytes(in_state);
    args.rows = rows, args.rows_offset_bytes = bytes(in_rows);
    args.n_blocks = static_cast<uint64_t>(count);
    return args;
  }
  absl::Status Import(int64_t in_state, int64_t in_rows, int64_t count) {
    return Move(Args(in_state, in_rows, count), &hal::Device::ImportState);
  }
  absl::Status Export(int64_t in_state, int64_t in_rows, int64_t count) {
    return Move(Args(in_state, in_rows, count), &hal::Device::ExportState);
  }
  // All rows are written anew, with what every block of the state is then: `blocks` as they were numbered in the rows.
  absl::Status ExpectExported(const std::vector<int64_t>& blocks, absl::string_view what) {
    CONCORD_RETURN_IF_ERROR(rows->Write(0, std::string(rows_bytes.size(), '\x5A')));
    std::string want;
    for (const int64_t block : blocks) want += RowsOf(block);
    CONCORD_RETURN_IF_ERROR(Export(0, 0, kBlocks));
    CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*rows));
    return ExpectBytes(got, want, what);
  }

  const hal::Buffer* state = nullptr;
  const hal::Buffer* rows = nullptr;
  std::string state_bytes, rows_bytes;  // as they were at first

 private:
  Blocks(Rig* rig, const KvBlockShape& shape) : rig_(rig), shape_(shape) {}

  absl::Status Move(hal::StateArgs args, absl::Status (hal::Device::*verb)(const hal::StateArgs&) const) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig_->MakeSemaphore());
    const concord_point signal = done->At(1);
    args.signals = {&signal, 1};
    CONCORD_RETURN_IF_ERROR((rig_->device().*verb)(args));
    return done->Wait(1, kSoon);
  }

  Rig* rig_;
  KvBlockShape shape_;
};

// All blocks in and out again, of memory that was something else before.
absl::Status RoundTrip(Context& context, const KvBlockShape& shape) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, shape, context.seed()));
  CONCORD_RETURN_IF_ERROR(blocks.Import(0, 0, kBlocks));
  return blocks.ExpectExported({0, 1, 2, 3, 4, 5, 6}, "an import and then an export");
}

// Runs of blocks: each goes where it should, and what lies beside it stays, in either buffer.
absl::Status Runs(Context& context, const KvBlockShape& shape) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, shape, context.seed()));
  CONCORD_RETURN_IF_ERROR(blocks.Import(2, 4, 3));
  CONCORD_ASSIGN_OR_RETURN(const std::string state, ReadAll(*blocks.state));
  const uint64_t begin = blocks.bytes(2), end = blocks.bytes(5);
  CONCORD_RETURN_IF_ERROR(
      ExpectBytes(state.substr(0, begin), blocks.state_bytes.substr(0, begin), "the state before imported blocks"));
  CONCORD_RETURN_IF_ERROR(
      ExpectBytes(state.substr(end), blocks.state_bytes.substr(end), "the state behind imported blocks"));
  CONCORD_ASSIGN_OR_RETURN(std::string rows, ReadAll(*blocks.rows));
  CONCORD_RETURN_IF_ERROR(ExpectBytes(rows, blocks.rows_bytes, "the rows that were imported"));

  CONCORD_RETURN_IF_ERROR(blocks.Export(3, 1, 2));  // what came from the rows of blocks 5 and 6
  CONCORD_ASSIGN_OR_RETURN(rows, ReadAll(*blocks.rows));
  const std::string want = blocks.RowsOf(0) + blocks.RowsOf(5, 2) + blocks.RowsOf(3, 4);
  CONCORD_RETURN_IF_ERROR(ExpectBytes(rows, want, "rows after an export to blocks 1 and 2"));
  CONCORD_ASSIGN_OR_RETURN(const std::string after, ReadAll(*blocks.state));
  return ExpectBytes(after, state, "the state that was exported");
}

// One block at a time, in another order, and then some moved within the state: a block is the same bytes wherever it
// is.
absl::Status WholeBlocks(Context& context, const KvBlockShape& shape) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, shape, context.seed()));
  for (int64_t block = 0; block < kBlocks; ++block) {
    CONCORD_RETURN_IF_ERROR(blocks.Import((block * 3 + 1) % kBlocks, block, 1));  // 1 4 0 3 6 2 5
  }
  CONCORD_RETURN_IF_ERROR(blocks.ExpectExported({2, 0, 5, 3, 1, 6, 4}, "blocks imported one by one"));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point signal = done->At(1);
  CONCORD_RETURN_IF_ERROR(rig.device().Copy({.source = blocks.state,
                                             .target = blocks.state,
                                             .source_offset_bytes = blocks.bytes(1),
                                             .target_offset_bytes = blocks.bytes(5),
                                             .size_bytes = blocks.bytes(2),
                                             .signals = {&signal, 1}}));
  CONCORD_RETURN_IF_ERROR(done->Wait(1, kSoon));
  return blocks.ExpectExported({2, 0, 5, 3, 1, 0, 5}, "after a copy of blocks within the state");
}

// Import, export and a copy of the rows, each waiting for the one before and the first for the host.
absl::Status Order(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, PlainShape(), context.seed()));
  if (!context.device().info().has(CONCORD_DEVICE_ASYNC)) return Skipped("the device queues nothing that has to wait");
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* go, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point first = go->At(1), imported = done->At(1), exported = done->At(2), asked = done->At(3);
  hal::StateArgs args = blocks.Args(1, 0, 2);
  args.waits = {&first, 1}, args.signals = {&imported, 1};
  CONCORD_RETURN_IF_ERROR(rig.device().ImportState(args));
  args = blocks.Args(1, 4, 2);
  args.waits = {&imported, 1}, args.signals = {&exported, 1};
  CONCORD_RETURN_IF_ERROR(rig.device().ExportState(args));
  args = blocks.Args(0, 0, 0);
  args.waits = {&exported, 1}, args.signals = {&asked, 1};
  CONCORD_RETURN_IF_ERROR(rig.device().ExportState(args));
  CONCORD_RETURN_IF_ERROR(ExpectCode(done->Wait(1, absl::Milliseconds(5)), absl::StatusCode::kDeadlineExceeded,
                                     "an import that waits for the host"));
  CONCORD_RETURN_IF_ERROR(go->Signal(1));
  CONCORD_RETURN_IF_ERROR(done->Wait(3, kSoon));
  CONCORD_ASSIGN_OR_RETURN(const std::string rows, ReadAll(*blocks.rows));
  return ExpectBytes(rows, blocks.RowsOf(0, 4) + blocks.RowsOf(0, 2) + blocks.RowsOf(6), "an import, then an export");
}

absl::Status WaitFails(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, PlainShape(), context.seed()));
  for (const auto verb : {&hal::Device::ImportState, &hal::Device::ExportState}) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* go, rig.MakeSemaphore());
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
    go->Fail(absl::DataLossError("what it waits for went wrong"));
    const concord_point wait = go->At(1), signal = done->At(1);
    hal::StateArgs args = blocks.Args(0, 0, 1);
    args.waits = {&wait, 1}, args.signals = {&signal, 1};
    CONCORD_RETURN_IF_ERROR((rig.device().*verb)(args));
    CONCORD_RETURN_IF_ERROR(
        ExpectCode(done->Wait(1, kSoon), absl::StatusCode::kDataLoss, "the signal of a move whose wait has failed"));
  }
  return absl::OkStatus();
}

struct Mistake {
  const char* what;
  absl::StatusCode want;
  void (*make)(hal::StateArgs* args, uint64_t block_bytes);
};
constexpr absl::StatusCode kBad = absl::StatusCode::kInvalidArgument, kPast = absl::StatusCode::kOutOfRange;
constexpr Mistake kMistakes[] = {
    {"no heads", kBad, [](hal::StateArgs* a, uint64_t) { a->n_kv_heads = 0; }},
    {"-1 tokens a block", kBad, [](hal::StateArgs* a, uint64_t) { a->block_tokens = -1; }},
    {"rows without elements", kBad, [](hal::StateArgs* a, uint64_t) { a->d_head = 0; }},
    {"no state", kBad, [](hal::StateArgs* a, uint64_t) { a->state = nullptr; }},
    {"no rows", kBad, [](hal::StateArgs* a, uint64_t) { a->rows = nullptr; }},
    {"state from within a block on", kBad, [](hal::StateArgs* a, uint64_t b) { a->state_offset_bytes = b / 2; }},
    {"state past its end", kPast, [](hal::StateArgs* a, uint64_t b) { a->state_offset_bytes = (kBlocks - 1) * b; }},
    {"rows past their end", kPast, [](hal::StateArgs* a, uint64_t b) { a->rows_offset_bytes = (kBlocks - 1) * b; }},
    {"more blocks than can be counted", kPast, [](hal::StateArgs* a, uint64_t) { a->n_blocks = UINT64_MAX / 2; }},
};

absl::Status Refusals(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(Blocks blocks, Blocks::Create(rig, PlainShape(), context.seed()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point signal = done->At(1);
  for (const auto verb : {&hal::Device::ImportState, &hal::Device::ExportState}) {
    for (const Mistake& mistake : kMistakes) {
      hal::StateArgs args = blocks.Args(1, 1, 2);
      args.signals = {&signal, 1};
      mistake.make(&args, blocks.bytes());
      CONCORD_RETURN_IF_ERROR(ExpectCode((rig.device().*verb)(args), mistake.want, mistake.what));
      CONCORD_RETURN_IF_ERROR(ExpectCode(done->Wait(1, absl::Milliseconds(1)), absl::StatusCode::kDeadlineExceeded,
                                         absl::StrCat(mistake.what, " was refused, and then its signal")));
    }
  }
  CONCORD_ASSIGN_OR_RETURN(const std::string state, ReadAll(*blocks.state));
  return ExpectBytes(state, blocks.state_bytes, "the state that nothing should have written to");
}

std::vector<Case> StateCases() {
  std::vector<Case> cases = {StatusCase("state/order", Order), StatusCase("state/wait_fails", WaitFails),
                             StatusCase("state/refusals", Refusals)};
  const auto add = [&cases](const char* name, absl::Status (*run)(Context&, const KvBlockShape&),
                            const KvBlockShape& shape) {
    cases.push_back({absl::StrCat("state/", name, "_", shape.packing->name, "_", shape.n_kv_heads, "x",
                                  shape.block_tokens, "x", shape.d_head),
                     [run, shape](Context& context) { return ToResult(run(context, shape)); }});
  };
  for (const char* type : {"f32", "f16", "bf16", "q8_0"}) {
    for (const KvBlockShape& shape : {Shape(type, 3, 5, 96), Shape(type, 2, 32, 64), Shape(type, 1, 16, 128)}) {
      add("round_trip", RoundTrip, shape);
    }
    add("runs", Runs, Shape(type, 2, 32, 64));
    add("whole_blocks", WholeBlocks, Shape(type, 2, 32, 64));
  }
  return cases;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(state) { return {.name = "state", .step = 6, .cases = StateCases}; }

}  // namespace concord::cts
