#include "runtime/exec/canary.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/exec/canary_cache.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/part_canary.h"

namespace concord::exec {
namespace {

constexpr char kAll[] = "all";  // of the cases
constexpr double kLeastSeconds = 0.5, kShareOfLoad = 0.05;

// Neither what others are measured by, nor what every test of ours measures.
bool IsTrusted(const hal::Device& device) {
  const hal::Plugin& plugin = device.instance().plugin();
  return plugin.path().empty() && (plugin.name() == "cpu" || plugin.name() == "reference");
}

std::vector<const LoadedPart*> PartsToProve(const LoadedModel& model) {
  std::vector<const LoadedPart*> parts;
  for (const auto& part : model.parts()) {
    if (!IsTrusted(*part->device)) parts.push_back(part.get());
  }
  return parts;
}

void Log(const LoadedPart& part, LogLevel level, absl::string_view message) {
  part.device->instance().host().Log(level, message);
}

struct Proof {
  std::vector<std::string> wrong;
  bool complete = true;
};

// An error: there is no telling, for example for a graph with sizes of its own.
absl::StatusOr<Proof> Prove(const LoadedPart& part, const LoadedModel& model, const std::string& how, double seconds,
                            std::set<std::string>* proven) {
  const bool full = how == "full";
  CanaryBudget budget(full ? INFINITY : seconds);
  CONCORD_ASSIGN_OR_RETURN(PartCanary canary, PartCanary::Create(part, model.source(), model.n_vocab(), full, &budget));
  Proof proof{canary.Run(how != "warn", proven), canary.skipped() == 0};
  std::string skipped;
  if (!proof.complete) skipped = absl::StrCat(", ", canary.skipped(), " left out (", canary.why_skipped(), ")");
  Log(part, LogLevel::kDebug,
      absl::StrFormat("canary: %d cases on %s in %.3f s of %.3f s%s", canary.cases(), part.device->id(), budget.spent(),
                      budget.seconds(), skipped));
  return proof;
}

absl::Status Refuse(const std::string& sentence) {
  return absl::UnavailableError(
      absl::StrCat(sentence, "\nthe answers of this model would be wrong there: choose another device, or update its ",
                   "driver or plugin; with --canary warn it runs all the same"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RunCanary(const LoadedModel& model, const std::string& how,
                                                   double load_seconds) {
  std::vector<std::string> warnings;
  const std::vector<const LoadedPart*> parts = PartsToProve(model);
  if (how == "off" || parts.empty()) return warnings;
  const CanaryBudget budget(std::max(kLeastSeconds, kShareOfLoad * load_seconds));
  CanaryCache cache(parts, model.source(), how == "full" ? "full" : "quick");
  if (cache.proven.count(kAll) > 0) {
    Log(*parts[0], LogLevel::kDebug, "canary: proven by an earlier load");
    return warnings;
  }
  bool complete = true;
  for (size_t p = 0; p < parts.size(); ++p) {
    const double seconds = (budget.seconds() - budget.spent()) / static_cast<double>(parts.size() - p);
    const absl::StatusOr<Proof> proof = Prove(*parts[p], model, how, seconds, &cache.proven);
    complete = complete && proof.ok() && proof->complete;
    if (!proof.ok()) {
      Log(*parts[p], LogLevel::kDebug, absl::StrCat("canary: ", proof.status().message()));
      continue;
    }
    for (const std::string& sentence : proof->wrong) {
      if (how != "warn") return Refuse(sentence);
      Log(*parts[p], LogLevel::kWarning, sentence);
      warnings.push_back(sentence);
    }
  }
  if (!warnings.empty()) return warnings;
  if (complete) cache.proven = {kAll};
  if (const absl::Status status = cache.Remember(); !status.ok()) {
    Log(*parts[0], LogLevel::kDebug, absl::StrCat("canary: not remembered: ", status.message()));
  }
  return warnings;
}

}  // namespace concord::exec
