#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/cli/help_page.h"

namespace concord::cli {

// What a command takes on its line: declared once, for parsing, for messages and for --help. Targets keep their value
// where the user says nothing; it is shown as the default. They must live until Parse has returned.
//
// Options take their value as the next word or behind "="; "--" ends them. One thread.
class Arguments {
 public:
  // `program`: "run-model bench"; `summary` and `details` (may be empty; a line is a paragraph) open the help.
  Arguments(std::string program, std::string summary, std::string details);
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  // Options declared from now on stand under this heading.
  void Group(const std::string& heading);

  void Positional(const std::string& name, std::string* target, const std::string& help, bool required);
  void Positional(const std::string& name, std::optional<std::string>* target, const std::string& help);
  void Flag(const std::string& names, bool* target, const std::string& help);
  // `names`: "-p,--prompt". `value`: what stands for the value in the help, "TEXT".
  Arguments& Value(const std::string& names, const std::string& value, std::string* target, const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, int* target, const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, int64_t* target, const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, std::optional<std::string>* target,
                   const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, std::optional<int64_t>* target,
                   const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, std::optional<uint64_t>* target,
                   const std::string& help);
  Arguments& Value(const std::string& names, const std::string& value, std::optional<float>* target,
                   const std::string& help);
  // May be given several times.
  Arguments& Value(const std::string& names, const std::string& value, std::vector<std::string>* target,
                   const std::string& help);

  // Conditions on the option that was declared last. The help shows the choices in place of the value: "exact|fast".
  Arguments& AtLeast(double minimum);
  Arguments& OneOf(const std::vector<std::string>& choices);

  // A line of the list of commands.
  void Subcommand(const std::string& name, const std::string& summary);
  // A line of the examples, and what it does.
  void Example(const std::string& line, const std::string& what);

  // UsageError naming the word that is wrong, and what it may have meant.
  absl::Status Parse(const std::vector<std::string>& words);
  bool help_wanted() const;
  std::string Help(const Translate& translate) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The candidate that `word` is most probably a misspelling of; empty when none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace concord::cli
