#include "runtime/base/intern.h"

#include <mutex>
#include <new>
#include <string>
#include <unordered_set>

namespace concord {

const char* Intern(absl::string_view text) {
  // Leaked on purpose: interned pointers outlive every static's destructor. Nodes of a set never move.
  static std::mutex* const mutex = new std::mutex;
  static std::unordered_set<std::string>* const texts = new std::unordered_set<std::string>;
  std::lock_guard<std::mutex> lock(*mutex);
  try {
    return texts->emplace(text.data(), text.size()).first->c_str();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace concord
