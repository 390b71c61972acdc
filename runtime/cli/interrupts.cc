#include "runtime/cli/interrupts.h"

#include <pthread.h>
#include <unistd.h>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace concord::cli {
namespace {

struct State {
  std::mutex mutex;
  std::function<void()> on_first;  // empty: no scope
  bool interrupted = false;
};

State& TheState() {
  static State* state = new State;  // outlives the thread that waits
  return *state;
}

[[noreturn]] void End() {
  if (::isatty(STDERR_FILENO) == 1) (void)!::write(STDERR_FILENO, "\n", 1);
  ::_exit(130);
}

void OnSignal() {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.on_first || state.interrupted) End();
  state.interrupted = true;
  state.on_first();
}

}  // namespace

void StartInterrupts() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file larger than the user's limit is an error of writing it
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // inherited by every thread of the program
  try {
    std::thread([set] {
      int signal = 0;
      while (sigwait(&set, &signal) == 0) OnSignal();
    }).detach();
  } catch (const std::system_error&) {
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // no more threads to be had: a signal ends the program as usual
  }
}

InterruptScope::InterruptScope(std::function<void()> on_first) {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  state.on_first = std::move(on_first);
  state.interrupted = false;
}

InterruptScope::~InterruptScope() {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  state.on_first = nullptr;
}

bool InterruptScope::interrupted() {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  return state.interrupted;
}

}  // namespace concord::cli
