#include "runtime/cts/profile.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "runtime/cts/pattern.h"

namespace concord::cts {

const std::vector<Profile>& AllProfiles() {
  // Arithmetics other than f32 are a device's choice: the host asks, and goes back to f32 where it says no.
  const std::vector<const char*> models = {"ops/*/f32/f32/*",
                                           "ops/*/f16/f32/*",
                                           "ops/*/bf16/f32/*",
                                           "ops/*/q8_0/f32/*",
                                           "ops/*/q4_0/f32/*",
                                           "ops/*/q4_k/f32/*",
                                           "ops/*/q6_k/f32/*",
                                           "ops/*/mxfp4/f32/*",
                                           "determinism/*/f32/f32",
                                           "determinism/*/f16/f32",
                                           "determinism/*/bf16/f32",
                                           "determinism/*/q8_0/f32",
                                           "determinism/*/q4_0/f32",
                                           "determinism/*/q4_k/f32",
                                           "determinism/*/q6_k/f32",
                                           "determinism/*/mxfp4/f32",
                                           "models",
                                           "state",
                                           "handover"};
  static const auto* profiles = new std::vector<Profile>{
      {"core-1",
       "the border itself, and five ops in f32: what the host builds on",
       nullptr,
       {"device", "buffer", "semaphore", "queue", "program", "faults", "leaks", "threads", "ops/add/*", "ops/mul/*",
        "ops/scale/*", "ops/rms_norm/*", "ops/linear/f32/*", "determinism/add/*", "determinism/mul/*",
        "determinism/scale/*", "determinism/rms_norm/*", "determinism/linear/f32/*"},
       {}},
      {"llm-dense-1",
       "dense language models: every op and fused op in f32 arithmetic, the common weight and cache types, tiny models",
       "core-1",
       models,
       {"ops/moe_route", "ops/linear_experts", "ops/fused_linear_experts_glu", "ops/weighted_sum",
        "determinism/moe_route", "determinism/linear_experts", "determinism/fused_linear_experts_glu",
        "determinism/weighted_sum", "models/qwen3moe"}},
      {"llm-moe-1",
       "language models with experts too: the same of their ops, and a tiny model",
       "llm-dense-1",
       models,
       {}},
  };
  return *profiles;
}

const Profile& DefaultProfile() { return AllProfiles()[1]; }

absl::StatusOr<const Profile*> FindProfile(absl::string_view name) {
  for (const Profile& profile : AllProfiles()) {
    if (name == profile.name) return &profile;
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no profile '", name, "'; there are: ",
      absl::StrJoin(AllProfiles(), ", ", [](std::string* out, const Profile& p) { out->append(p.name); })));
}

bool Requires(const Profile& profile, absl::string_view case_name) {
  const auto any = [&](const std::vector<const char*>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const char* p) { return Matches(p, case_name); });
  };
  if (any(profile.patterns) && !any(profile.without)) return true;
  const absl::StatusOr<const Profile*> base = FindProfile(profile.base == nullptr ? "" : profile.base);
  return base.ok() && Requires(**base, case_name);
}

}  // namespace concord::cts
