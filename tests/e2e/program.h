#pragma once

#include <sys/types.h>
#include <string>
#include <vector>

namespace concord::e2e {

struct Outcome {
  int exit_code = -1;  // -signal when a signal ended it
  std::string out, err;
};

// run-model, or another program of ours, as a child process with pipes for all three streams, in a scratch folder as
// the current one. `locale`: the user's, LC_ALL.
class Program {
 public:
  explicit Program(const std::vector<std::string>& args, const char* locale = "C", const char* program = "run-model");
  ~Program();  // kills it if it still runs
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Write(const std::string& text);  // to its standard input
  void CloseInput();
  void CloseOutput();
  std::string ReadSome();  // blocks for more standard output; "" at its end
  void Signal(int signal);
  Outcome Wait();  // closes its input, reads all and waits

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
};

Outcome RunModel(const std::vector<std::string>& args, const std::string& input = "");
Outcome ConcordCts(const std::vector<std::string>& args);

std::string Shared(const std::string& path);   // a file of ../shared; "" where there is none
std::string Golden(const std::string& path);   // a file of tests/golden
std::string Scratch(const std::string& name);  // a path in a folder of this test, empty at its begin
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& bytes);

}  // namespace concord::e2e
