// Compile, prepare, submit: what is refused, and that capacities and step values are what they say.
#include <cstring>

#include "runtime/cts/add_program.h"
#include "runtime/cts/case.h"
#include "runtime/cts/one_op.h"
#include "runtime/cts/op_cases.h"
#include "runtime/hal/import.h"

namespace concord::cts {
namespace {

// Submits `step` for `rows` rows and waits.
absl::Status RunStep(const hal::Device& device, const hal::Prepared& prepared, const AddProgram::Step& step,
                     concord_symbol_value rows) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore done, device.CreateSemaphore());
  const concord_point signal = done.At(1);
  CONCORD_RETURN_IF_ERROR(
      device.Submit({.prepared = &prepared, .values = {&rows, 1}, .bindings = step.bindings, .signals = {&signal, 1}}));
  return done.Wait(1, kSoon);
}

// Every op case is asked about twice, in both directions: query is pure.
absl::Status QueryIsPure(Context& context) {
  std::vector<std::string> first;
  const std::vector<NamedOpCase>& cases = AllOpCases();
  for (const bool again : {false, true}) {
    for (size_t i = 0; i < cases.size(); ++i) {
      const size_t at = again ? cases.size() - 1 - i : i;
      OneOp op(context.device(), *cases[at].op_case);
      CONCORD_RETURN_IF_ERROR(op.Build());
      CONCORD_ASSIGN_OR_RETURN(const hal::Support support, op.Query());
      const std::string answer = absl::StrCat(support.level, " ", support.reason);
      if (!again) first.push_back(answer);
      CONCORD_RETURN_IF_ERROR(Expect(first[at] == answer, absl::StrCat(cases[at].name, ": the first answer was '",
                                                                       first[at], "', the second '", answer, "'")));
    }
  }
  return absl::OkStatus();
}

concord_program_desc DescOf(const concord_op_desc& op) {
  concord_program_desc desc = hal::Sized<concord_program_desc>();
  desc.name = {"one", 3};
  desc.ops = {&op, 1, sizeof(op)};
  return desc;
}

absl::Status UnknownOp(Context& context) {
  concord_op_desc op{};
  op.name = {"no_such_op", 10};
  op.arithmetic = {"f32", 3};
  op.version = 1;
  const concord_program_desc desc = DescOf(op);
  CONCORD_ASSIGN_OR_RETURN(const hal::Support support, context.device().QueryOp(desc, 0));
  CONCORD_RETURN_IF_ERROR(Expect(!support.ok(), "query accepts an op that does not exist"));
  CONCORD_RETURN_IF_ERROR(Expect(!support.reason.empty(), "query refuses an op that does not exist without a reason"));
  return ExpectCode(context.device().Compile(desc).status(), absl::StatusCode::kUnimplemented,
                    "compile of an op that does not exist");
}

// An attribute that no plugin can know, and a version of the op that is yet to come.
absl::Status UnknownMeaning(Context& context) {
  const ops::OpCase* add = FindOpCase("add/f32/f32/7x333");
  OneOp plain(context.device(), *add);
  CONCORD_RETURN_IF_ERROR(plain.Build());
  CONCORD_ASSIGN_OR_RETURN(const hal::Support support, plain.Query());
  if (!support.ok()) return Refused(support.reason);
  concord_op_desc op{};
  std::memcpy(&op, plain.desc().ops.data, sizeof(op));
  concord_attr attr{};
  attr.key = {"no_such_attribute", 17};
  attr.kind = CONCORD_ATTR_INT;
  attr.i = 1;
  op.attrs = {&attr, 1, sizeof(attr)};
  concord_program_desc desc = plain.desc();
  desc.ops = {&op, 1, sizeof(op)};
  CONCORD_ASSIGN_OR_RETURN(const hal::Support unknown, context.device().QueryOp(desc, 0));
  CONCORD_RETURN_IF_ERROR(Expect(!unknown.ok(), "query accepts `add` with the attribute no_such_attribute = 1"));
  op.attrs = {};
  op.version = 1000;
  CONCORD_ASSIGN_OR_RETURN(const hal::Support future, context.device().QueryOp(desc, 0));
  return Expect(!future.ok(), "query accepts version 1000 of `add`");
}

absl::Status OpIndexOutOfRange(Context& context) {
  concord_op_desc op{};
  op.name = {"add", 3};
  op.version = 1;
  const uint32_t inputs[] = {0, 77};
  op.inputs = {inputs, 2, sizeof(uint32_t)};
  const concord_program_desc desc = DescOf(op);
  const absl::StatusOr<hal::Support> beyond = context.device().QueryOp(desc, 1);
  CONCORD_RETURN_IF_ERROR(Expect(!beyond.ok() || !beyond->ok(), "query of op 1 of a program of one op says yes"));
  const absl::StatusOr<hal::Support> dangling = context.device().QueryOp(desc, 0);
  CONCORD_RETURN_IF_ERROR(
      Expect(!dangling.ok() || !dangling->ok(), "query of an op whose input is value 77 of none says yes"));
  return Expect(!context.device().Compile(desc).ok(), "an op whose input is value 77 of none was compiled");
}

absl::Status Runs(Context& context, int n_ops) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device(), n_ops));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(9));
  Rig rig(context.device());
  // Sizes of steps change; the same handle serves them all.
  for (const int64_t rows : {9, 1, 4, 0, 9}) {
    CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 9, context.seed() + 5));
    CONCORD_RETURN_IF_ERROR(RunStep(context.device(), prepared, step, add.Rows(rows)));
    CONCORD_RETURN_IF_ERROR(Annotate(add.Check(step, rows), absl::StrCat("a step of ", rows, " rows of at most 9")));
  }
  return absl::OkStatus();
}

absl::Status StepSizes(Context& context) { return Runs(context, 1); }
absl::Status TwoOps(Context& context) { return Runs(context, 2); }

absl::Status SubmitRefuses(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(4));
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 4, context.seed()));
  const auto refused = [&](AddProgram::Step wrong, int64_t rows, absl::string_view what) {
    return ExpectCode(RunStep(context.device(), prepared, wrong, add.Rows(rows)), absl::StatusCode::kInvalidArgument,
                      what);
  };
  CONCORD_RETURN_IF_ERROR(refused(step, 5, "5 rows where 4 were prepared"));
  AddProgram::Step wrong = step;
  wrong.bindings.erase(wrong.bindings.begin() + 1);
  CONCORD_RETURN_IF_ERROR(refused(wrong, 4, "a submission without one of its inputs"));
  wrong = step;
  wrong.bindings[0].size_bytes = 4 * AddProgram::kCols * sizeof(float) - 1;
  CONCORD_RETURN_IF_ERROR(refused(wrong, 4, "an input that is a byte too small"));
  CONCORD_RETURN_IF_ERROR(RunStep(context.device(), prepared, step, add.Rows(4)));
  return Annotate(add.Check(step, 4), "after refused submissions");
}

// A prefill and a decode bucket of one program, used in turn, and several submissions in flight.
absl::Status HandlesLiveAtOnce(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device(), 2));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared large, add.Prepare(64));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared small, add.Prepare(2));
  Rig rig(context.device());
  std::vector<AddProgram::Step> steps;
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  for (int i = 0; i < 8; ++i) {
    const hal::Prepared& prepared = i % 2 == 0 ? large : small;
    const int64_t rows = i % 2 == 0 ? 64 : 2;
    CONCORD_ASSIGN_OR_RETURN(AddProgram::Step step,
                             add.MakeStep(rig, prepared, rows, context.seed() + static_cast<uint64_t>(i)));
    steps.push_back(std::move(step));
    const concord_point wait = done->At(static_cast<uint64_t>(i)), signal = done->At(static_cast<uint64_t>(i) + 1);
    CONCORD_RETURN_IF_ERROR(context.device().Submit({.prepared = &prepared,
                                                     .values = {&steps.back().rows, 1},
                                                     .bindings = steps.back().bindings,
                                                     .waits = {&wait, 1},
                                                     .signals = {&signal, 1}}));
  }
  CONCORD_RETURN_IF_ERROR(done->Wait(8, kSoon));
  for (size_t i = 0; i < steps.size(); ++i) {
    CONCORD_RETURN_IF_ERROR(Annotate(add.Check(steps[i], i % 2 == 0 ? 64 : 2), absl::StrCat("submission ", i)));
  }
  return absl::OkStatus();
}

absl::Status Artefact(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device()));
  const absl::StatusOr<std::string> artefact = add.program().Serialize();
  if (absl::IsUnimplemented(artefact.status())) return Skipped("the device keeps no compiled artefacts");
  CONCORD_RETURN_IF_ERROR(artefact.status());
  CONCORD_RETURN_IF_ERROR(context.device().Deserialize(add.lowered().desc(), *artefact).status());
  std::string other = *artefact;
  for (char& c : other) c = static_cast<char>(~c);
  return Expect(!context.device().Deserialize(add.lowered().desc(), other).ok(),
                "an artefact with every bit turned over was accepted");
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(program) {
  return {.name = "program", .step = 5, .cases = [] {
            return std::vector<Case>{StatusCase("program/query_is_pure", QueryIsPure),
                                     StatusCase("program/unknown_op", UnknownOp),
                                     StatusCase("program/unknown_meaning", UnknownMeaning),
                                     StatusCase("program/index_out_of_range", OpIndexOutOfRange),
                                     StatusCase("program/step_sizes", StepSizes),
                                     StatusCase("program/two_ops", TwoOps),
                                     StatusCase("program/submit_refuses", SubmitRefuses),
                                     StatusCase("program/handles_live_at_once", HandlesLiveAtOnce),
                                     StatusCase("program/artefact", Artefact)};
          }};
}

}  // namespace concord::cts
