#pragma once

#include <memory>
#include <string>
#include <vector>

#include "concord/plugin.h"
#include "runtime/base/status.h"
#include "runtime/hal/linked_plugin.h"

namespace concord::hal {

// A backend's table of functions, checked. Held by shared_ptr: everything made from it keeps it loaded.
// Libraries are never unloaded: threads and statics of vendor runtimes outlive any shutdown. Unload() is for embedders
// that know better.
class Plugin {
 public:
  // From a file, opened RTLD_NOW | RTLD_LOCAL. A file called libconcord_backend_<name>.so must hold the plugin <name>.
  // Errors: NOT_FOUND no such file; FAILED_PRECONDITION, in one sentence: no plugin, another major version, a table
  // older than v0.1, functions missing, another sanitizer, another name.
  static absl::StatusOr<std::shared_ptr<Plugin>> Load(const std::string& path);

  static absl::StatusOr<std::shared_ptr<Plugin>> FromLinked(const LinkedPlugin& linked);

  // The checks of Load on any query function; `where` begins the messages, `name` is the wanted name ("" = any).
  static absl::StatusOr<std::shared_ptr<Plugin>> FromQuery(concord_plugin_query_fn* query, const std::string& where,
                                                           const std::string& name);

  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  // Our own copy; functions that the plugin lacks are null, mandatory ones are not.
  const concord_plugin_api& api() const { return api_; }
  const std::string& name() const { return name_; }
  const std::string& vendor() const { return vendor_; }
  const std::string& version() const { return version_; }
  const std::string& runtime_version() const { return runtime_version_; }
  const std::string& path() const { return path_; }  // "" when linked in

  // Closes the library. Only when no instance of it exists any more and this is the last owner: FAILED_PRECONDITION
  // otherwise. Nothing of the plugin may be used afterwards.
  static absl::Status Unload(std::shared_ptr<Plugin> plugin);

 private:
  Plugin() = default;

  concord_plugin_api api_{};
  std::string name_, vendor_, version_, runtime_version_, path_;
  void* library_ = nullptr;
};

// The files libconcord_backend_*.so in the folders of `search_path` (separated by ':'), sorted within each folder.
std::vector<std::string> FindPluginFiles(const std::string& search_path);

// The environment's CONCORD_PLUGIN_PATH, or "".
std::string PluginSearchPath();

}  // namespace concord::hal
