#pragma once

#include <functional>

namespace concord::cli {

// Ctrl-C (and SIGTERM, SIGHUP). Call once, first thing in main: from then on one thread waits for these signals, so
// that what they do is ordinary code. Nobody asking for them: the program ends at once with 130, leaving no half-made
// file behind that somebody could take for whole. A closed pipe becomes an error of write().
void StartInterrupts();

// While it lives, the first Ctrl-C calls `on_first` (from another thread) and the second ends the program. Not nested.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<void()> on_first);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  static bool interrupted();  // since the newest scope began
};

}  // namespace concord::cli
