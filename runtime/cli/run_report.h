#pragma once

#include <memory>
#include <string>

#include "runtime/cli/format.h"
#include "runtime/cli/model_options.h"

namespace concord::cli {

// --report: what a plan said of a run, against what the run took.
class RunReport {
 public:
  void Declare(Arguments& args) {
    args.Flag("--report", &wanted_, "afterwards, what the plan had said, against the run");
  }
  bool wanted() const { return wanted_; }

  // Before loading: makes the plan, for so many sequences at once. Nothing where no report is wanted.
  absl::Status Begin(const ModelOptions& options, int64_t sequences, Console& console);
  // What ran: prompts of so many tokens each; so many tokens of each sequence behind the first `kv` ones.
  absl::Status Prefill(int64_t tokens, int64_t sequences, double seconds);
  absl::Status Decode(int64_t kv, int64_t tokens, int64_t sequences, double seconds);
  // While the engine still holds its memory.
  void End(const Model& model);

  std::string Text() const;
  Json AsJson() const;

 private:
  struct Pair {
    double predicted = 0, measured = 0;
  };

  bool wanted_ = false;
  std::unique_ptr<exec::Planner> planner_;
  Plan plan_;
  double anonymous_before_ = 0;
  Pair memory_, prefill_, decode_;  // bytes; seconds
  int64_t prefill_tokens_ = 0, decode_tokens_ = 0;
};

}  // namespace concord::cli
