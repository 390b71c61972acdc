#include "runtime/cli/host_info.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace concord::cli {
namespace {

// The value of the first line "key : value" of a file of /proc.
std::string Field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

double Kibibytes(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text.substr(0, text.find(' ')), &value) ? value * 1024 : 0;
}

double Number(const char* path) {
  std::ifstream file(path);
  double value = 0;
  return file >> value ? value : 0;
}

std::string Features() {
  std::istringstream flags(Field("/proc/cpuinfo", "flags") + " " + Field("/proc/cpuinfo", "Features"));
  constexpr const char* kWanted[] = {"avx2",     "fma",         "f16c",        "avx_vnni", "avx512f",
                                     "avx512bw", "avx512_vnni", "avx512_bf16", "amx_int8", "asimd",
                                     "asimddp",  "i8mm",        "bf16",        "sve"};
  std::string out;
  for (std::string flag; flags >> flag;) {
    const bool wanted = std::any_of(std::begin(kWanted), std::end(kWanted), [&](const char* w) { return flag == w; });
    if (wanted) absl::StrAppend(&out, out.empty() ? "" : " ", flag);
  }
  return out;
}

int UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

}  // namespace

HostInfo ReadHostInfo() {
  HostInfo info;
  utsname name{};
  if (uname(&name) == 0) info.system = absl::StrCat(name.sysname, " ", name.release, " ", name.machine);
  info.cpu = Field("/proc/cpuinfo", "model name");
  if (info.cpu.empty()) info.cpu = name.machine;
  info.features = Features();
  info.total_cpus = static_cast<int>(std::max(0L, sysconf(_SC_NPROCESSORS_ONLN)));
  info.usable_cpus = UsableCpus();
  info.memory_bytes = Kibibytes(Field("/proc/meminfo", "MemTotal"));
  info.free_bytes = Kibibytes(Field("/proc/meminfo", "MemAvailable"));
  // A container's limit; the file holds "max" where there is none, which reads as 0.
  if (const double limit = Number("/sys/fs/cgroup/memory.max"); limit > 0 && limit < info.memory_bytes) {
    info.memory_bytes = limit;
    info.free_bytes = std::min(info.free_bytes, std::max(0.0, limit - Number("/sys/fs/cgroup/memory.current")));
  }
  return info;
}

double AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  double kib = 0;
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "RssAnon:")) (void)absl::SimpleAtod(absl::StripSuffix(line.substr(8), " kB"), &kib);
  }
  return kib * 1024;
}

}  // namespace concord::cli
