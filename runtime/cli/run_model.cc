#include "concord/concord.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/language.h"

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
  CommandLine(const CommandDef& def, bool by_default, Language language)
      : args(by_default ? "run-model" : absl::StrCat("run-model ", def.name), def.summary, def.details),
        command(def.make()),
        language_name(LanguageName(language)) {
    command->Declare(args);
    args.Group("Output");
    args.Flag("--json", &console.json, "results as JSON on standard output");
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

absl::Status RunCommand(const CommandDef& def, const std::vector<std::string>& words, bool by_default) {
  const Language language = ChooseLanguage(words);
  CommandLine line(def, by_default, language);
  CONCORD_RETURN_IF_ERROR(line.args.Parse(words));
  if (line.args.help_wanted()) {
    return line.console.Print(
        line.args.Help([language](const std::string& text) { return Translated(text, language); }));
  }
  const absl::Status status = line.command->Run(line.console);
  line.console.EndProgress();
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

std::string HelpOf(const CommandDef* def, const Translate& translate) {
  return CommandLine(def == nullptr ? *FindCommand(kDefault) : *def, def == nullptr, Language::kEnglish)
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
