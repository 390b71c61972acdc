#pragma once

#include <set>
#include <string>
#include <vector>

#include "runtime/exec/loaded_part.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// Which devices have proven to compute which model rightly, in one small file a model and way of running it. What
// cannot be read or written is not there, which is no fault.
class CanaryCache {
 public:
  // `level`: how much is to be proven.
  CanaryCache(const std::vector<const LoadedPart*>& parts, const loader::ModelSource& source, const std::string& level);

  // Names of cases that need not be run again, "all" being the last. A proof that ran out of time goes on with the next
  // load, when the kernels that it had to compile are there.
  std::set<std::string> proven;
  absl::Status Remember() const;

 private:
  std::string key_;  // all that the proof depends on: what the file begins with
  std::string file_;
};

}  // namespace concord::exec
