#include "runtime/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/cli/exit_code.h"

namespace concord::cli {
namespace {

// 0 or errno.
int WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

size_t TerminalWidth() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Console::Console(std::string program)
    : program_(std::move(program)),
      input_is_terminal_(::isatty(STDIN_FILENO) == 1),
      output_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      error_is_terminal_(::isatty(STDERR_FILENO) == 1) {}

absl::Status Console::Print(absl::string_view text) {
  EndProgress();
  const int error = WriteAll(STDOUT_FILENO, text);
  if (error == 0) return absl::OkStatus();
  if (error == EPIPE) return NobodyListens();
  return absl::InternalError(absl::StrCat("cannot write to standard output: ", std::strerror(error),
                                          "; what is there is not the whole result"));
}

void Console::Note(absl::string_view text) {
  if (quiet) return;
  EndProgress();
  WriteAll(STDERR_FILENO, absl::StrCat(text, "\n"));
}

void Console::Warn(absl::string_view text) {
  EndProgress();
  WriteAll(STDERR_FILENO, absl::StrCat(program_.substr(0, program_.find(' ')), ": ", text, "\n"));
}

void Console::Prompt(absl::string_view text) {
  EndProgress();
  WriteAll(STDERR_FILENO, text);
}

void Console::Progress(absl::string_view stage, double done, double total, absl::string_view detail) {
  if (quiet || !error_is_terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  const bool last = total > 0 && done >= total;
  if (bar_shown_ && !last && now - bar_time_ < std::chrono::milliseconds(50)) return;
  bar_time_ = now;
  bar_shown_ = true;
  std::string line;
  if (total > 0) {
    const double share = std::fmin(std::fmax(done / total, 0), 1);
    const int full = static_cast<int>(share * 24);
    line = absl::StrFormat("%s [%s%s] %3.0f %% %s", stage, std::string(full, '#'), std::string(24 - full, '.'),
                           share * 100, detail);
  } else {
    line = absl::StrFormat("%s ... %s", stage, detail);
  }
  line.resize(std::min(line.size(), TerminalWidth() - 1));
  WriteAll(STDERR_FILENO, absl::StrCat("\r", line, "\033[K"));
}

void Console::EndProgress() {
  if (!bar_shown_) return;
  bar_shown_ = false;
  WriteAll(STDERR_FILENO, "\r\033[K");
}

}  // namespace concord::cli
