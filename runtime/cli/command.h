#pragma once

#include <memory>
#include <vector>

#include "runtime/cli/arguments.h"
#include "runtime/cli/console.h"

namespace concord::cli {

// A subcommand of run-model: one file runtime/cli/<word>.cc.
class Command {
 public:
  virtual ~Command() = default;
  virtual void Declare(Arguments& args) = 0;  // into members; `args` is parsed before Run
  // Where results go as JSON: for most commands a flag, standard output.
  virtual void DeclareJson(Arguments& args, Console& console);
  virtual absl::Status Run(Console& console) = 0;
};

struct CommandDef {
  const char* name;     // "export-graph"
  const char* summary;  // one line
  const char* details;  // for --help: how it works; may be empty
  std::unique_ptr<Command> (*make)();
};

// Begins the definition of the command in runtime/cli/<word>.cc; the body returns a CommandDef.
#define CONCORD_DEFINE_COMMAND(word) CommandDef MakeCommand_##word()

template <typename T>
std::unique_ptr<Command> Make() {
  return std::make_unique<T>();
}

// In the order of the sorted list in CMakeLists.txt.
const std::vector<CommandDef>& AllCommands();

// The help of a command, or of the program (null).
std::string HelpOf(const CommandDef* def, const Translate& translate);

// The programs: `words` without their own name. Return the exit code.
int RunModel(const std::vector<std::string>& words);
int ConcordCts(const std::vector<std::string>& words);  // run-model cts, for vendors who need nothing else

}  // namespace concord::cli
