#pragma once

#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace concord::cts {

// What a device must compute to be good for something: the cases that a plugin has to pass, none refused.
struct Profile {
  const char* name;
  const char* summary;
  const char* base;                   // the profile whose cases it has too; null: none
  std::vector<const char*> patterns;  // see pattern.h
  std::vector<const char*> without;   // what of these it leaves to a larger profile
};

const std::vector<Profile>& AllProfiles();  // each behind its base
const Profile& DefaultProfile();            // llm-dense-1: what every device for language models has to be good for
// NotFound names those that there are.
absl::StatusOr<const Profile*> FindProfile(absl::string_view name);

bool Requires(const Profile& profile, absl::string_view case_name);

}  // namespace concord::cts
