#include "concord/concord.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"

#include <exception>
#include <filesystem>
#include <new>

namespace concord::cli {

#define CONCORD_COMMAND(word) CommandDef MakeCommand_##word();
#include "runtime/cli/commands.inc"
#undef CONCORD_COMMAND

namespace {

constexpr char kDefault[] = "generate";

const CommandDef* FindCommand(const std::string& name) {
  for (const CommandDef& command : AllCommands()) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

std::string CommandList() {
  std::string out = "Commands (without one: generate):\n";
  for (const CommandDef& command : AllCommands()) {
    std::string name = command.name;
    name.resize(14, ' ');
    absl::StrAppend(&out, "  ", name, command.summary, "\n");
  }
  return out + "run-model COMMAND --help tells more; run-model --version prints the version.";
}

// A first word that names neither a file nor a command, but nearly a command.
absl::Status CheckNotMisspelt(const std::string& word) {
  std::error_code error;
  if (word.empty() || word.find_first_of("-/.:") == 0 || word.find_first_of("/.:") != std::string::npos ||
      std::filesystem::exists(word, error)) {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const CommandDef& command : AllCommands()) names.emplace_back(command.name);
  const std::string near = Nearest(word, names);
  return UsageError(absl::StrCat("'", word, "' is neither a command nor a file",
                                 near.empty() ? "; see run-model --help" : absl::StrCat("; did you mean ", near, "?")));
}

absl::Status RunCommand(const CommandDef& def, const std::vector<std::string>& words, bool by_default) {
  const std::string program = by_default ? "run-model" : absl::StrCat("run-model ", def.name);
  Arguments args(program, def.summary, by_default ? absl::StrCat(def.details, "\n\n", CommandList()) : def.details);
  const std::unique_ptr<Command> command = def.make();
  Console console;
  std::string language = "en";
  command->Declare(args);
  args.Group("Output");
  args.Flag("--json", &console.json, "results as JSON on standard output");
  args.Flag("-q,--quiet", &console.quiet, "nothing on standard error but errors");
  args.Value("--lang", "LANG", &language, "language of messages; only English for now").OneOf({"en"});
  bool help = false;  // found by Parse itself; declared to stand in the list
  args.Flag("-h,--help", &help, "this help");
  CONCORD_RETURN_IF_ERROR(args.Parse(words));
  if (args.help_wanted()) return console.Print(args.Help());
  const absl::Status status = command->Run(console);
  console.EndProgress();
  return status;
}

absl::Status Dispatch(std::vector<std::string> words) {
  if (!words.empty() && words[0] == "help") {  // help COMMAND = COMMAND --help
    words.erase(words.begin());
    words.push_back("--help");
  }
  if (!words.empty() && (words[0] == "--version" || words[0] == "version")) {
    return Console().Print(absl::StrCat("run-model ", Version(), "\n"));
  }
  if (!words.empty()) {
    if (const CommandDef* command = FindCommand(words[0])) {
      return RunCommand(*command, {words.begin() + 1, words.end()}, false);
    }
    CONCORD_RETURN_IF_ERROR(CheckNotMisspelt(words[0]));
  }
  return RunCommand(*FindCommand(kDefault), words, true);
}

}  // namespace

const std::vector<CommandDef>& AllCommands() {
  static const auto* commands = new std::vector<CommandDef>{
#define CONCORD_COMMAND(word) MakeCommand_##word(),
#include "runtime/cli/commands.inc"
#undef CONCORD_COMMAND
  };
  return *commands;
}

int RunModel(const std::vector<std::string>& words) {
  absl::Status status;
  try {
    status = Dispatch(words);
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    status = absl::InternalError(absl::StrCat("a bug of ours: ", error.what()));
  }
  if (!status.ok() && !status.message().empty()) Console().Warn(status.message());
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace concord::cli
