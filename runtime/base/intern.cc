#include "runtime/base/intern.h"

#include <mutex>
#include <set>
#include <string>

namespace concord {

const char* Intern(absl::string_view text) {
  // Leaked on purpose: pointers handed out stay valid through static destruction.
  static auto* mutex = new std::mutex;
  static auto* pool = new std::set<std::string>;
  std::lock_guard<std::mutex> lock(*mutex);
  return pool->emplace(text.data(), text.size()).first->c_str();
}

}  // namespace concord
