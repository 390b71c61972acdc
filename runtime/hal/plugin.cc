#include "runtime/hal/plugin.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::hal {
namespace {

constexpr absl::string_view kFilePrefix = "libconcord_backend_";
constexpr absl::string_view kFileSuffix = ".so";

// The end of the table in v0.1; later versions only add behind it.
constexpr size_t kApiSizeV01 = offsetof(concord_plugin_api, queue_barrier) + sizeof(void*);

constexpr int32_t OwnSanitizer() {
#if defined(__SANITIZE_ADDRESS__)
  return CONCORD_SANITIZER_ADDRESS;
#elif defined(__SANITIZE_THREAD__)
  return CONCORD_SANITIZER_THREAD;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return CONCORD_SANITIZER_ADDRESS;
#elif __has_feature(thread_sanitizer)
  return CONCORD_SANITIZER_THREAD;
#else
  return CONCORD_SANITIZER_NONE;
#endif
#else
  return CONCORD_SANITIZER_NONE;
#endif
}

const char* SanitizerName(int32_t sanitizer) {
  switch (sanitizer) {
    case CONCORD_SANITIZER_NONE:
      return "without sanitizers";
    case CONCORD_SANITIZER_ADDRESS:
      return "with AddressSanitizer";
    case CONCORD_SANITIZER_THREAD:
      return "with ThreadSanitizer";
  }
  return "with a sanitizer that is not known here";
}

absl::Status Refuse(const std::string& where, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(where, ": ", why));
}

absl::Status SanitizerMismatch(const std::string& where, int32_t theirs) {
  return Refuse(where, absl::StrCat("the plugin was built ", SanitizerName(theirs), " and this host ",
                                    SanitizerName(OwnSanitizer()), "; build both the same way"));
}

std::string ToString(concord_string text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size_bytes);
}

// The first mandatory function that is null, or null.
const char* MissingFunction(const concord_plugin_api& api) {
#define CONCORD_MANDATORY(f) \
  if (api.f == nullptr) return #f
  CONCORD_MANDATORY(create);
  CONCORD_MANDATORY(shutdown);
  CONCORD_MANDATORY(device_count);
  CONCORD_MANDATORY(device_info);
  CONCORD_MANDATORY(device_open);
  CONCORD_MANDATORY(device_close);
  CONCORD_MANDATORY(buffer_create);
  CONCORD_MANDATORY(buffer_destroy);
  CONCORD_MANDATORY(buffer_map);
  CONCORD_MANDATORY(buffer_unmap);
  CONCORD_MANDATORY(semaphore_create);
  CONCORD_MANDATORY(semaphore_destroy);
  CONCORD_MANDATORY(semaphore_query);
  CONCORD_MANDATORY(semaphore_signal);
  CONCORD_MANDATORY(semaphore_fail);
  CONCORD_MANDATORY(semaphore_wait);
  CONCORD_MANDATORY(constant_create);
  CONCORD_MANDATORY(constant_destroy);
  CONCORD_MANDATORY(program_query_op);
  CONCORD_MANDATORY(program_compile);
  CONCORD_MANDATORY(program_destroy);
  CONCORD_MANDATORY(program_prepare);
  CONCORD_MANDATORY(prepared_destroy);
  CONCORD_MANDATORY(queue_submit);
  CONCORD_MANDATORY(queue_copy);
  CONCORD_MANDATORY(queue_fill);
  CONCORD_MANDATORY(queue_barrier);
#undef CONCORD_MANDATORY
  return nullptr;
}

// Opening a library that was built with a sanitizer into a process that was not ends the process, so its wish is read
// from the file first: the name of the sanitizer's library or of its first symbol.
int32_t SanitizerOf(const std::string& bytes) {
  if (absl::StrContains(bytes, absl::string_view("\0__asan_init\0", 13))) return CONCORD_SANITIZER_ADDRESS;
  if (absl::StrContains(bytes, absl::string_view("\0__tsan_init\0", 13))) return CONCORD_SANITIZER_THREAD;
  return CONCORD_SANITIZER_NONE;
}

// Whether the file ends before what its program headers want to map: dlopen would map it all the same, and the process
// end at the first touch. Source: System V ABI, ELF-64 object file format, program header.
bool IsCutShort(const std::string& bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof(header)) return false;  // dlopen says what it is not
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return false;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const uint64_t at = header.e_phoff + i * header.e_phentsize;
    if (at > bytes.size() || bytes.size() - at < sizeof(segment)) return true;
    std::memcpy(&segment, bytes.data() + at, sizeof(segment));
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Plugin>> Plugin::FromQuery(concord_plugin_query_fn* query, const std::string& where,
                                                          const std::string& name) {
  concord_error error = NoError();
  const concord_plugin_api* theirs = query(CONCORD_ABI_MAJOR, &error);
  if (theirs == nullptr) {
    return ToStatus(error.code == CONCORD_OK ? CONCORD_FAILED_PRECONDITION : error.code, error, where);
  }
  // struct_size and abi_major are the first words of every version, so they may be read before the size is checked.
  if (theirs->abi_major != CONCORD_ABI_MAJOR) {
    return Refuse(where, absl::StrCat("the plugin speaks ABI major ", theirs->abi_major, " and this host ",
                                      CONCORD_ABI_MAJOR, "; use builds of the same major version"));
  }
  if (theirs->struct_size < kApiSizeV01) {
    return Refuse(where, absl::StrCat("the plugin's table has ", theirs->struct_size, " bytes, v0.1 has ", kApiSizeV01,
                                      "; rebuild the plugin with this version's concord/plugin.h"));
  }
  std::shared_ptr<Plugin> plugin(new Plugin);
  plugin->api_ = Import(theirs);
  const concord_plugin_api& api = plugin->api_;
  if (api.sanitizer != OwnSanitizer()) return SanitizerMismatch(where, api.sanitizer);
  if (const char* missing = MissingFunction(api)) {
    return Refuse(where, absl::StrCat("the plugin does not implement ", missing, ", which every plugin must"));
  }
  plugin->name_ = ToString(api.name);
  plugin->vendor_ = ToString(api.vendor);
  plugin->version_ = ToString(api.version);
  plugin->runtime_version_ = ToString(api.runtime_version);
  const bool valid = !plugin->name_.empty() &&
                     plugin->name_.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (!valid) {
    return Refuse(where, absl::StrCat("the plugin calls itself '", plugin->name_,
                                      "'; names are lower-case letters, digits and '_'"));
  }
  if (!name.empty() && name != plugin->name_) {
    return Refuse(where, absl::StrCat("the plugin calls itself '", plugin->name_, "', wanted is '", name, "'"));
  }
  return plugin;
}

absl::StatusOr<std::shared_ptr<Plugin>> Plugin::FromLinked(const LinkedPlugin& linked) {
  return FromQuery(linked.query, absl::StrCat("linked-in backend ", linked.name), linked.name);
}

absl::StatusOr<std::shared_ptr<Plugin>> Plugin::Load(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return absl::NotFoundError(absl::StrCat(
        path, std::filesystem::exists(path, ignored) ? ": this is not a file" : ": there is no such file"));
  }
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (IsCutShort(bytes)) return Refuse(path, "the file is cut short; copy or build it again");
  const int32_t sanitizer = SanitizerOf(bytes);
  if (sanitizer != OwnSanitizer() && sanitizer != CONCORD_SANITIZER_NONE) return SanitizerMismatch(path, sanitizer);
  // A name without '/' would be searched for in the system's folders.
  const std::string full = std::filesystem::absolute(path, ignored).string();
  void* library = dlopen(full.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Refuse(path, absl::StrCat("it cannot be opened as a plugin: ", why == nullptr ? "unknown reason" : why));
  }
  auto* query = reinterpret_cast<concord_plugin_query_fn*>(dlsym(library, CONCORD_PLUGIN_ENTRY));
  if (query == nullptr) {
    // Nothing of it was used, so closing it is safe.
    dlclose(library);
    return Refuse(path, "it is a shared library but no Concord plugin: it does not export " CONCORD_PLUGIN_ENTRY);
  }
  const std::string file = std::filesystem::path(path).filename().string();
  absl::string_view name = file;
  if (!absl::ConsumePrefix(&name, kFilePrefix) || !absl::ConsumeSuffix(&name, kFileSuffix)) name = "";
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<Plugin> plugin, FromQuery(query, path, std::string(name)));
  plugin->path_ = full;
  plugin->library_ = library;
  return plugin;
}

absl::Status Plugin::Unload(std::shared_ptr<Plugin> plugin) {
  if (plugin.use_count() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("plugin ", plugin->name_, " is still in use; destroy its instances first"));
  }
  if (plugin->library_ != nullptr && dlclose(plugin->library_) != 0) {
    return absl::InternalError(absl::StrCat("plugin ", plugin->name_, ": it cannot be closed: ", dlerror()));
  }
  return absl::OkStatus();
}

std::vector<std::string> FindPluginFiles(const std::string& search_path) {
  std::vector<std::string> found;
  for (absl::string_view folder : absl::StrSplit(search_path, ':', absl::SkipEmpty())) {
    std::vector<std::string> here;
    std::error_code error;
    std::filesystem::directory_iterator it(std::filesystem::path(std::string(folder)), error);
    for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      const std::string file = it->path().filename().string();
      if (absl::StartsWith(file, std::string(kFilePrefix)) && absl::EndsWith(file, std::string(kFileSuffix))) {
        here.push_back(it->path().string());
      }
    }
    std::sort(here.begin(), here.end());
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

std::string PluginSearchPath() {
  const char* value = std::getenv("CONCORD_PLUGIN_PATH");
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace concord::hal
