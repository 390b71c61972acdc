#pragma once

#include <string>

namespace concord::cli {

// The machine as the system describes it; what it does not say is empty or 0.
struct HostInfo {
  std::string system;    // "Linux 6.1.0 x86_64"
  std::string cpu;       // "AMD EPYC 9B14"
  std::string features;  // instruction sets that matter to kernels
  int total_cpus = 0;    // hardware threads
  int usable_cpus = 0;   // of them this process may use
  double memory_bytes = 0;
  double free_bytes = 0;  // the system's free memory, or what is left of the process's limit
};

HostInfo ReadHostInfo();

// Memory of this process that no file stands behind, as far as it has been touched. 0 where the system does not say.
double AnonymousBytes();

}  // namespace concord::cli
