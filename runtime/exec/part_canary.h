#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "runtime/exec/canary_budget.h"
#include "runtime/exec/canary_step.h"
#include "runtime/exec/node_check.h"

namespace concord::exec {

// What a part of a model gives on its device, held against the float64 reference (DESIGN D8):
// - each op of the part with its own weights, in the arithmetic that it was compiled for, for a few tokens that are
//   decoded and for a prompt, each kind of op first, then all shapes and packings;
// - of a device with a layout of its own, what it keeps of keys and values and reads again, over two blocks;
// - the first block and the output layers as programs, on a fixed prompt: op by op, every op being given what the
//   device made before it, and once more as they run later, with memory that values share.
class PartCanary {
 public:
  // `all`: every row of every matrix, and not only what the budget has room for.
  static absl::StatusOr<PartCanary> Create(const LoadedPart& part, const loader::ModelSource& source, int64_t n_vocab,
                                           bool all, CanaryBudget* budget);

  // What is wrong, at most a sentence for each op, first things first. Stops with the first where that is enough.
  // Leaves out the cases that `proven` names, and adds those that it has seen pass.
  std::vector<std::string> Run(bool first_is_enough, std::set<std::string>* proven);
  int cases() const { return cases_; }      // that were run
  int skipped() const { return skipped_; }  // for lack of time or memory; a later run may have it
  const std::string& why_skipped() const { return why_skipped_; }  // the last one

 private:
  PartCanary(const LoadedPart& part, const loader::ModelSource& source, bool all, CanaryBudget* budget)
      : part_(part), source_(source), all_(all), budget_(*budget) {}

  void RunOps(const std::vector<int32_t>& nodes);
  void RunStates();
  void RunPrompt();
  void RunCase(const std::string& name, const std::function<absl::Status()>& run);

  // DeadlineExceeded: there is no time for it. ResourceExhausted: no memory. Unimplemented: the device declines it.
  absl::Status RunOp(int32_t node, const CanaryStep& step);
  absl::Status RunPieces(const CanaryStep& step, const std::vector<int32_t>& nodes, const std::string& what,
                         ValueBytes* made);
  absl::Status CheckInPiece(const CanaryStep& step, const Trial& opened, int32_t node, ValueBytes* made);
  absl::Status CompareWhole(const CanaryStep& step, const Trial& whole, const ValueBytes& opened,
                            const std::string& what);
  absl::StatusOr<ValueBytes> OnDevice(const Trial& trial, double work, const std::string& where);

  int64_t RowsFor(int32_t node, const CanaryStep& step) const;
  double ReferenceWork(int32_t node, const CanaryStep& step) const;
  std::string Where(int32_t node, const CanaryStep& step) const;
  bool HasOpaqueState(int32_t node) const;
  void Found(const std::string& op, const std::string& sentence);

  const LoadedPart& part_;
  const loader::ModelSource& source_;
  const bool all_;
  CanaryBudget& budget_;
  CanaryStep few_, many_, prompt_;
  CanaryStep long_;  // a sequence that begins a second block
  bool first_is_enough_ = true;
  std::set<std::string>* proven_ = nullptr;
  std::vector<std::string> wrong_ops_, sentences_;
  int cases_ = 0, skipped_ = 0;
  std::string why_skipped_;
};

}  // namespace concord::exec
