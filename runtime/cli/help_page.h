#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace concord::cli {

// What --help says, in English.
struct HelpPage {
  struct Entry {
    std::string group;  // heading; empty: an argument without a name
    std::string names;  // "-p, --prompt"
    std::string value;  // what stands for the value, "TEXT"; empty: none
    std::string help;
    std::string default_value;  // empty: none
  };

  std::string program;     // "run-model bench"
  std::string usage_tail;  // " MODEL [FILE]"
  std::string summary, details;
  std::vector<std::pair<std::string, std::string>> commands;  // name and summary
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> examples;  // line and what it does
};

// One phrase of a page in the reader's language: a summary, an option's help, a heading, a word of the frame.
using Translate = std::function<std::string(const std::string& english)>;

std::string Render(const HelpPage& page, const Translate& translate);

}  // namespace concord::cli
