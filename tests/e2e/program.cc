#include "tests/e2e/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"

namespace concord::e2e {
namespace {

void Close(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof(buffer))) > 0;) text.append(buffer, static_cast<size_t>(n));
  return text;
}

}  // namespace

Program::Program(const std::vector<std::string>& args, const char* locale, const char* program) {
  const std::string path = absl::StrCat(CONCORD_BINARY_DIR "/bin/", program);
  std::signal(SIGPIPE, SIG_IGN);
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
  std::vector<const char*> argv = {path.c_str()};
  for (const std::string& arg : args) argv.push_back(arg.c_str());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(in[0], 0), ::dup2(out[1], 1), ::dup2(err[1], 2);
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    ::setenv("LC_ALL", locale, 1);
    ::execv(path.c_str(), const_cast<char**>(argv.data()));
    ::_exit(127);
  }
  in_ = in[1], out_ = out[0], err_ = err[0];
  ::close(in[0]), ::close(out[1]), ::close(err[1]);
}

Program::~Program() {
  Close(&in_), Close(&out_), Close(&err_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Program::Write(const std::string& text) {
  ASSERT_EQ(::write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}
void Program::CloseInput() { Close(&in_); }
void Program::CloseOutput() { Close(&out_); }
void Program::Signal(int signal) { ::kill(pid_, signal); }

std::string Program::ReadSome() {
  char buffer[4096];
  const ssize_t n = ::read(out_, buffer, sizeof(buffer));
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
}

Outcome Program::Wait() {
  CloseInput();
  Outcome outcome;
  std::thread errors([&] { outcome.err = ReadAll(err_); });
  if (out_ >= 0) outcome.out = ReadAll(out_);
  errors.join();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return outcome;
}

Outcome ConcordCts(const std::vector<std::string>& args) { return Program(args, "C", "concord-cts").Wait(); }

Outcome RunModel(const std::vector<std::string>& args, const std::string& input) {
  Program program(args);
  std::thread writer([&] {
    if (!input.empty()) program.Write(input);
    program.CloseInput();
  });
  writer.join();
  return program.Wait();
}

std::string Shared(const std::string& path) {
  const std::string full = std::string(CONCORD_SHARED_DIR) + "/" + path;
  return std::filesystem::exists(full) ? full : "";
}

std::string Golden(const std::string& path) { return std::string(CONCORD_SOURCE_DIR) + "/tests/golden/" + path; }

std::string Scratch(const std::string& name) {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  static std::string of_test;
  const std::string folder =
      std::string(CONCORD_BINARY_DIR) + "/tests/e2e/" + test->test_suite_name() + "." + test->name();
  if (of_test != folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    of_test = folder;
  }
  return folder + "/" + name;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace concord::e2e
