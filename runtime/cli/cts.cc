#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "runtime/base/atomic_file.h"
#include "runtime/cli/command.h"
#include "runtime/cli/cts_text.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/model_options.h"
#include "runtime/cts/speed.h"
#include "runtime/cts/suite.h"

namespace concord::cli {
namespace {

absl::Status WriteFile(const std::string& path, const std::string& text) {
  AtomicFile file;
  CONCORD_RETURN_IF_ERROR(file.Open(path, static_cast<int64_t>(text.size())));
  CONCORD_RETURN_IF_ERROR(file.Write(text.data(), text.size()));
  return file.Commit();
}

// As a shell reads it back.
std::string Quoted(const std::string& word) {
  if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-") ==
      std::string::npos) {
    return word;
  }
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

class Cts : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Group("Device");
    args.Value("--plugin", "FILE", &plugin_, "the backend plugin to prove (libconcord_backend_*.so)");
    args.Value("--device", "NAME", &device_, "which device: the first of the plugin, without a plugin cpu");
    args.Value("--threads", "N", &options_.threads, "CPU threads; 0: one a core").AtLeast(0);
    args.Group("Cases");
    args.Value("--profile", "NAME", &profile_, "what the device has to be good for, as --profiles lists them");
    args.Flag("--profiles", &list_profiles_, "list the profiles and end");
    args.Value("--filter", "PATTERNS", &filter_,
               "only these cases: names in which * stands for anything, separated by commas");
    args.Flag("--list", &list_, "list the names of the cases and end");
    args.Value("--exclusions", "FILE", &exclusions_,
               "what is known not to work: lines of a pattern and the reason; # begins a comment");
    args.Value("--seed", "N", &seed_, "other inputs of the same shapes").AtLeast(0);
    args.Value("--repeat", "N", &repeat_, "runs a case, each with the next seed").AtLeast(1);
    args.Flag("--speed", &speed_, "also time ops at the sizes of a real model");
    args.Example("concord-cts --plugin ./libconcord_backend_foo.so --profile llm-dense-1", "prove a plugin");
    args.Example("concord-cts --plugin ./libconcord_backend_foo.so --profile core-1 --filter 'buffer/*,queue/*'",
                 "while it is being written");
    args.Example("concord-cts --device cpu --speed --filter 'speed/*'", "only the speed report");
    args.Example("concord-cts --plugin ./libconcord_backend_foo.so --exclusions foo.txt --html report.html",
                 "with what is known not to work, as a page");
  }

  void DeclareJson(Arguments& args, Console&) override {
    args.Value("--json", "FILE", &json_, "write the report as JSON; -: to standard output, instead of the text");
    args.Value("--html", "FILE", &html_, "write the report as one page that needs nothing but itself");
  }

  absl::Status Run(Console& console) override {
    if (list_profiles_) return ListProfiles(console);
    CONCORD_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names());
    if (list_) return console.Print(absl::StrCat(absl::StrJoin(names, "\n"), "\n"));
    cts::SuiteOptions suite;
    CONCORD_RETURN_IF_ERROR(Fill(console, &suite));
    const auto log = [&console](LogLevel level, absl::string_view message) {
      if (level >= LogLevel::kWarning) console.Note(message);
    };
    CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry registry, FindDevices(options_, log));
    CONCORD_ASSIGN_OR_RETURN(const hal::DeviceRegistry::Entry* entry, Choose(registry));
    absl::StatusOr<std::unique_ptr<cts::Context>> context = cts::Context::Open(*entry);
    if (!context.ok()) return DeviceError(context.status().message());
    cts::Report report = cts::RunSuite(**context, suite);
    if (speed_) CONCORD_RETURN_IF_ERROR(cts::MeasureSpeed((*context)->device(), filter_, suite.on_case, &report));
    console.EndProgress();
    CONCORD_RETURN_IF_ERROR(Write(console, report));
    return report.green() ? absl::OkStatus() : NotGreen();
  }

 private:
  static absl::Status ListProfiles(Console& console) {
    std::string text;
    for (const cts::Profile& profile : cts::AllProfiles()) {
      absl::StrAppend(&text, profile.name, "  ", profile.summary,
                      profile.base == nullptr ? "" : absl::StrCat("; and all of ", profile.base), "\n");
    }
    return console.Print(text);
  }

  absl::StatusOr<std::vector<std::string>> Names() const {
    std::vector<std::string> names = cts::ListCases(filter_);
    if (speed_) {
      for (std::string& name : cts::ListSpeed(filter_)) names.push_back(std::move(name));
    }
    if (!names.empty()) return names;
    return UsageError(absl::StrCat("no case is called '", filter_,
                                   "'; concord-cts --list shows what there is, and * "
                                   "stands for anything"));
  }

  absl::Status Fill(Console& console, cts::SuiteOptions* suite) {
    if (plugin_.has_value()) options_.plugins = {*plugin_};
    if (device_.has_value()) options_.device = *device_;
    suite->profile = &cts::DefaultProfile();
    if (profile_.has_value()) {
      const absl::StatusOr<const cts::Profile*> found = cts::FindProfile(*profile_);
      if (!found.ok()) return UsageError(found.status().message());
      suite->profile = *found;
    } else {
      console.Note(absl::StrCat("profile ", suite->profile->name, ", the largest; --profile chooses another"));
    }
    if (exclusions_.has_value()) {
      CONCORD_ASSIGN_OR_RETURN(const std::string text, ReadText(*exclusions_));
      CONCORD_ASSIGN_OR_RETURN(suite->exclusions, cts::Exclusions::Parse(text, *exclusions_, cts::ListCases("")));
    }
    suite->filter = filter_;
    suite->seed = static_cast<uint64_t>(seed_);
    suite->repeat = repeat_;
    suite->command = CommandLine(console.program());
    suite->on_case = [&console](int done, int total, const std::string& name) {
      console.Progress("cases", done, total, name);
    };
    return absl::OkStatus();
  }

  std::string CommandLine(const std::string& program) const {
    std::string line = program;
    if (plugin_.has_value()) absl::StrAppend(&line, " --plugin ", Quoted(*plugin_));
    if (device_.has_value()) absl::StrAppend(&line, " --device ", Quoted(*device_));
    if (options_.threads != 0) absl::StrAppend(&line, " --threads ", options_.threads);
    if (profile_.has_value()) absl::StrAppend(&line, " --profile ", *profile_);
    return line;
  }

  absl::StatusOr<const hal::DeviceRegistry::Entry*> Choose(const hal::DeviceRegistry& registry) const {
    std::error_code ignored;
    const std::string path = plugin_.has_value() ? std::filesystem::absolute(*plugin_, ignored).string() : "";
    for (const hal::DeviceRegistry::Entry& entry : registry.devices()) {
      const bool chosen = device_.has_value() ? &entry == registry.Find(*device_)
                          : path.empty()      ? &entry == registry.Find("cpu")
                                              : entry.instance->plugin().path() == path;
      if (chosen) return &entry;
    }
    std::string message = path.empty() || device_.has_value()
                              ? registry.Open(device_.value_or("cpu")).status().ToString()
                              : absl::StrCat(*plugin_, ": no device can be used");
    for (const hal::DeviceRegistry::Problem& problem : registry.problems()) {
      absl::StrAppend(&message, "; ", problem.plugin, ": ", problem.status.message());
    }
    return DeviceError(message);
  }

  absl::Status Write(Console& console, const cts::Report& report) {
    if (html_.has_value()) CONCORD_RETURN_IF_ERROR(WriteFile(*html_, cts::ToHtml(report)));
    if (json_ == "-") return console.Print(cts::ToJson(report));
    if (json_.has_value()) CONCORD_RETURN_IF_ERROR(WriteFile(*json_, cts::ToJson(report)));
    return console.Print(CtsText(report));
  }

  DeviceOptions options_;
  std::optional<std::string> plugin_, device_, profile_, exclusions_, json_, html_;
  std::string filter_;
  int64_t seed_ = 0;
  int repeat_ = 1;
  bool list_ = false, list_profiles_ = false, speed_ = false;
};

}  // namespace

CONCORD_DEFINE_COMMAND(cts) {
  return {.name = "cts",
          .summary = "Prove a backend plugin: every op, whole tiny models, memory, queues and faults",
          .details =
              "Refused is not passed: a case that the profile needs and the device refuses makes the suite not "
              "green, unless the exclusions say why. Excluded cases run all the same, and one that passes makes "
              "the suite not green either. A failing case prints the command that repeats it alone.\n"
              "Exit codes: 0 green, 1 not green, 2 usage, 5 the plugin or its device cannot be used.",
          .make = Make<Cts>};
}

}  // namespace concord::cli
