#include "runtime/cli/own_plugins.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "runtime/hal/linked_plugin.h"
#include "runtime/hal/plugin.h"

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

namespace {

// The names of the plugins in a folder: "vulkan" of libconcord_backend_vulkan.so.
std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& path : hal::FindPluginFiles(folder)) {
    const std::string stem = std::filesystem::path(path).stem().string();
    names.push_back(stem.substr(stem.rfind('_') + 1));
  }
  return names;
}

}  // namespace

std::vector<std::string> OwnPlugins(const DeviceOptions& options) {
  std::vector<std::string> files;
  const auto linked = hal::LinkedPlugins();
  const std::string folder = OwnPluginFolder();
  if (folder.empty()) return files;
  std::vector<std::string> names = options.AllNames();
  if (std::find(names.begin(), names.end(), "auto") != names.end()) {
    for (const std::string& name : NamesIn(folder)) names.push_back(name);
  }
  for (std::string name : names) {
    name.resize(std::min(name.size(), name.find(':')));
    const std::string file = absl::StrCat("libconcord_backend_", name, ".so");
    const auto is_that = [&](const std::string& f) { return absl::EndsWith(f, file); };
    const bool known = std::any_of(linked.begin(), linked.end(), [&](const auto& l) { return name == l.name; }) ||
                       std::any_of(options.plugins.begin(), options.plugins.end(), is_that) ||
                       std::any_of(files.begin(), files.end(), is_that);
    if (known || name.find('/') != std::string::npos) continue;
    std::error_code error;
    const std::filesystem::path own = std::filesystem::path(folder) / file;
    if (std::filesystem::is_regular_file(own, error)) files.push_back(own.string());
  }
  return files;
}

}  // namespace concord::cli
