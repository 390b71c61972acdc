#include "concord/concord.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/language.h"

#include <exception>
#include <filesystem>
#include <new>
#include <system_error>

namespace concord::cli {

#define CONCORD_COMMAND(word) CommandDef MakeCommand_##word();
#include "runtime/cli/commands.inc"
#undef CONCORD_COMMAND

namespace {

constexpr char kDefault[] = "generate";
constexpr char kRunModel[] = "run-model", kConcordCts[] = "concord-cts";

std::string ProgramOf(const CommandDef& command) { return absl::StrCat(kRunModel, " ", command.name); }

const CommandDef* FindCommand(const std::string& name) {
  for (const CommandDef& command : AllCommands()) {
    if (name == command.name) return &command;
  }
  return nullptr;
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

// A command and all that its line may hold: its own arguments, then what every command has.
struct CommandLine {
  CommandLine(const CommandDef& def, const std::string& program, bool by_default, Language language)
      : args(program, def.summary, def.details),
        command(def.make()),
        console(program),
        language_name(LanguageName(language)) {
    command->Declare(args);
    args.Group("Output");
    command->DeclareJson(args, console);
    args.Flag("-q,--quiet", &console.quiet, "nothing on standard error but errors");
    args.Value("--lang", "LANG", &language_name, "language of help; results and messages are English")
        .OneOf({LanguageName(Language::kEnglish), LanguageName(Language::kChinese)});
    args.Flag("-h,--help", &help, "this help");
    if (!by_default) return;
    for (const CommandDef& other : AllCommands()) args.Subcommand(other.name, other.summary);
  }

  Arguments args;
  std::unique_ptr<Command> command;
  Console console;
  // Both are found before the line is parsed; declared to be checked and to stand in the help.
  std::string language_name;
  bool help = false;
};

absl::Status RunCommand(const CommandDef& def, const std::string& program, const std::vector<std::string>& words,
                        bool by_default) {
  const Language language = ChooseLanguage(words);
  CommandLine line(def, program, by_default, language);
  CONCORD_RETURN_IF_ERROR(line.args.Parse(words));
  if (line.args.help_wanted()) {
    return line.console.Print(
        line.args.Help([language](const std::string& text) { return Translated(text, language); }));
  }
  const absl::Status status = line.command->Run(line.console);
  line.console.EndProgress();
  return status;
}

absl::Status Dispatch(const std::vector<std::string>& given) {
  std::vector<std::string> words = given;
  if (!words.empty() && words[0] == "help") {  // help COMMAND = COMMAND --help
    words.erase(words.begin());
    words.push_back("--help");
  }
  if (!words.empty() && (words[0] == "--version" || words[0] == "version")) {
    return Console(kRunModel).Print(absl::StrCat(kRunModel, " ", Version(), "\n"));
  }
  if (!words.empty()) {
    if (const CommandDef* command = FindCommand(words[0])) {
      return RunCommand(*command, ProgramOf(*command), {words.begin() + 1, words.end()}, false);
    }
    CONCORD_RETURN_IF_ERROR(CheckNotMisspelt(words[0]));
  }
  return RunCommand(*FindCommand(kDefault), kRunModel, words, true);
}

absl::Status DispatchCts(const std::vector<std::string>& words) {
  if (!words.empty() && words[0] == "--version") {
    return Console(kConcordCts).Print(absl::StrCat(kConcordCts, " ", Version(), "\n"));
  }
  return RunCommand(*FindCommand("cts"), kConcordCts, words, false);
}

// Nothing leaves a program but its exit code.
int Run(const char* program, absl::Status (*dispatch)(const std::vector<std::string>&),
        const std::vector<std::string>& words) {
  absl::Status status;
  try {
    status = dispatch(words);
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("out of memory");
  } catch (const std::system_error& error) {
    // Of oneTBB and the C++ library: no thread, no memory for one.
    status =
        error.code() == std::errc::resource_unavailable_try_again
            ? absl::ResourceExhaustedError(absl::StrCat("the system gives no more threads: ", error.what(),
                                                        "; raise the limit on processes or memory (ulimit -u, -v)"))
            : absl::InternalError(absl::StrCat("a bug of ours: ", error.what()));
  } catch (const std::exception& error) {
    status = absl::InternalError(absl::StrCat("a bug of ours: ", error.what()));
  }
  if (!status.ok() && !status.message().empty()) Console(program).Warn(status.message());
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace

std::string HelpOf(const CommandDef* def, const Translate& translate) {
  const CommandDef& command = def == nullptr ? *FindCommand(kDefault) : *def;
  return CommandLine(command, def == nullptr ? kRunModel : ProgramOf(command), def == nullptr, Language::kEnglish)
      .args.Help(translate);
}

const std::vector<CommandDef>& AllCommands() {
  static const auto* commands = new std::vector<CommandDef>{
#define CONCORD_COMMAND(word) MakeCommand_##word(),
#include "runtime/cli/commands.inc"
#undef CONCORD_COMMAND
  };
  return *commands;
}

void Command::DeclareJson(Arguments& args, Console& console) {
  args.Flag("--json", &console.json, "results as JSON on standard output");
}

int RunModel(const std::vector<std::string>& words) { return Run(kRunModel, Dispatch, words); }

int ConcordCts(const std::vector<std::string>& words) { return Run(kConcordCts, DispatchCts, words); }

}  // namespace concord::cli
