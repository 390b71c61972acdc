#include "runtime/cli/own_plugins.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "runtime/hal/linked_plugin.h"

namespace concord::cli {

std::string OwnPluginFolder() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "";
  // Two levels of lib: Debian's has the architecture in it.
  for (const char* folder : {"../lib/concord", "../" CONCORD_LIBDIR "/concord"}) {
    const std::filesystem::path found = std::filesystem::weakly_canonical(program.parent_path() / folder, error);
    if (!error && std::filesystem::is_directory(found, error)) return found.string();
  }
  return "";
}

std::vector<std::string> PluginFiles(const DeviceOptions& options) {
  std::vector<std::string> files = options.plugins;
  const auto linked = hal::LinkedPlugins();
  const std::string folder = OwnPluginFolder();
  if (folder.empty()) return files;
  for (std::string name : options.AllNames()) {
    name.resize(std::min(name.size(), name.find(':')));
    const std::string file = absl::StrCat("libconcord_backend_", name, ".so");
    const bool known =
        std::any_of(linked.begin(), linked.end(), [&](const auto& l) { return name == l.name; }) ||
        std::any_of(files.begin(), files.end(), [&](const std::string& f) { return absl::EndsWith(f, file); });
    if (known || name.find('/') != std::string::npos) continue;
    std::error_code error;
    const std::filesystem::path own = std::filesystem::path(folder) / file;
    if (std::filesystem::is_regular_file(own, error)) files.push_back(own.string());
  }
  return files;
}

}  // namespace concord::cli
