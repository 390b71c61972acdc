// layering ROOT RULES: checks every #include and the length of every source below ROOT against RULES (rules.txt says
// how they read), prints one line a violation and exits with 1 if there was any.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

struct Room {
  std::string name;
  std::string folder;  // the prefix that matched, "*" replaced: tells backends/cpu from backends/vulkan
};

struct HeaderRule {
  std::vector<std::string> prefixes;
  std::set<std::string> rooms;
};

struct Rules {
  std::vector<std::pair<std::string, std::string>> prefixes;  // room name, path prefix
  std::map<std::string, std::set<std::string>> sees;
  std::vector<HeaderRule> headers;
  std::vector<std::string> tree;
  int limit = 0;
  std::vector<std::string> errors;
};

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line.substr(0, line.find('#')));
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

HeaderRule ParseHeader(const std::vector<std::string>& words) {
  const auto colon = std::find(words.begin() + 1, words.end(), ":");
  HeaderRule rule{{words.begin() + 1, colon}, {}};
  if (colon != words.end()) rule.rooms.insert(colon + 1, words.end());
  return rule;
}

void ParseLine(const std::vector<std::string>& words, Rules* rules) {
  const std::string& verb = words[0];
  if (words.size() < 2) {
    rules->errors.push_back("rule '" + verb + "' names nothing");
  } else if (verb == "room") {
    for (size_t i = 2; i < words.size(); ++i) rules->prefixes.emplace_back(words[1], words[i]);
  } else if (verb == "sees") {
    rules->sees[words[1]].insert(words.begin() + 2, words.end());
  } else if (verb == "header") {
    rules->headers.push_back(ParseHeader(words));
  } else if (verb == "tree") {
    rules->tree.assign(words.begin() + 1, words.end());
  } else if (verb == "limit") {
    rules->limit = std::stoi(words[1]);
  } else {
    rules->errors.push_back("unknown rule '" + verb + "'");
  }
}

// Arrows are transitive; rooms are few, so repeating until nothing changes is enough.
void CloseOverArrows(Rules* rules) {
  for (bool grew = true; grew;) {
    grew = false;
    for (auto& [room, seen] : rules->sees) {
      std::set<std::string> more;
      for (const std::string& other : seen) more.insert(rules->sees[other].begin(), rules->sees[other].end());
      const size_t before = seen.size();
      seen.insert(more.begin(), more.end());
      grew |= seen.size() > before;
    }
  }
}

// A mistyped room name would otherwise silently allow or forbid nothing.
void CheckNames(Rules* rules) {
  std::set<std::string> known = {"*"};
  for (const auto& [room, prefix] : rules->prefixes) known.insert(room);
  std::set<std::string> used;
  for (const auto& [room, seen] : rules->sees) {
    used.insert(room);
    used.insert(seen.begin(), seen.end());
  }
  for (const HeaderRule& rule : rules->headers) used.insert(rule.rooms.begin(), rule.rooms.end());
  for (const std::string& name : used) {
    if (known.count(name) == 0) rules->errors.push_back("room '" + name + "' is used but has no folder");
  }
}

Rules ReadRules(const std::string& path) {
  Rules rules;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = Words(line);
    if (!words.empty()) ParseLine(words, &rules);
  }
  CloseOverArrows(&rules);
  CheckNames(&rules);
  if (rules.prefixes.empty() || rules.tree.empty() || rules.limit == 0)
    rules.errors.push_back("no rooms, tree or limit");
  return rules;
}

// The part of `path` that `prefix` matches in whole folders, or nothing.
std::optional<std::string> MatchFolder(const std::string& path, const std::string& prefix) {
  fs::path matched;
  const fs::path whole(path), wanted(prefix);
  auto part = whole.begin();
  for (const fs::path& want : wanted) {
    if (part == whole.end() || (want != "*" && want != *part)) return std::nullopt;
    matched /= *part++;
  }
  return matched.string();
}

std::optional<Room> RoomOf(const Rules& rules, const std::string& path) {
  for (const auto& [room, prefix] : rules.prefixes) {
    if (auto folder = MatchFolder(path, prefix)) return Room{room, *folder};
  }
  return std::nullopt;
}

bool Sees(const Rules& rules, const Room& from, const Room& to) {
  if (from.name == to.name) {
    const bool wild = std::any_of(rules.prefixes.begin(), rules.prefixes.end(), [&](const auto& entry) {
      return entry.first == to.name && entry.second.find('*') != std::string::npos;
    });
    return !wild || from.folder == to.folder;
  }
  const auto seen = rules.sees.find(from.name);
  return seen != rules.sees.end() && (seen->second.count("*") > 0 || seen->second.count(to.name) > 0);
}

std::string Join(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text.empty() ? "nothing else" : text;
}

// What is wrong with `from` including `header`; empty when nothing is.
std::string Judge(const Rules& rules, const Room& from, const std::string& header, bool quoted) {
  if (const auto to = RoomOf(rules, header)) {
    if (Sees(rules, from, *to)) return "";
    const auto seen = rules.sees.find(from.name);
    return "room '" + from.name + "' may not include room '" + to->name +
           "'; it sees: " + (seen == rules.sees.end() ? "nothing else" : Join(seen->second));
  }
  static const std::regex kStandard("[a-z_]+");  // C++ standard headers have neither a dot nor a folder
  if (!quoted && std::regex_match(header, kStandard)) return "";
  for (const HeaderRule& rule : rules.headers) {
    for (const std::string& prefix : rule.prefixes) {
      const bool match = prefix.back() == '/' ? header.rfind(prefix, 0) == 0 : header == prefix;
      if (!match) continue;
      if (rule.rooms.count("*") > 0 || rule.rooms.count(from.name) > 0) return "";
      return "only these rooms may include " + prefix + ": " + Join(rule.rooms) + "; this is room '" + from.name + "'";
    }
  }
  return quoted ? "write includes from the repository root, or list the header in rules.txt"
                : "header is not listed in rules.txt";
}

// Headers that are installed name their neighbours without a folder; that never leaves the room.
bool IsNeighbour(const fs::path& file, const std::string& header) {
  return header.find('/') == std::string::npos && fs::exists(file.parent_path() / header);
}

int CheckFile(const Rules& rules, const fs::path& root, const std::string& path) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  int violations = 0, line_number = 0;
  const auto complain = [&](int line, const std::string& what) {
    std::cout << path << ":" << line << ": " << what << "\n";
    ++violations;
  };
  const auto room = RoomOf(rules, path);
  if (!room) complain(1, "the file is in no room of rules.txt");
  std::ifstream in(root / path);
  for (std::string line; std::getline(in, line);) {
    ++line_number;
    std::smatch match;
    if (!room || line.find("include") == std::string::npos || !std::regex_match(line, match, kInclude)) continue;
    const bool quoted = match[1] == "\"";
    if (quoted && IsNeighbour(root / path, match[2])) continue;
    const std::string wrong = Judge(rules, *room, match[2], quoted);
    if (!wrong.empty()) complain(line_number, "#include " + match[2].str() + ": " + wrong);
  }
  if (line_number > rules.limit) {
    complain(line_number, "has " + std::to_string(line_number) + " lines; the limit is " + std::to_string(rules.limit) +
                              ": split it by what changes together");
  }
  return violations;
}

std::vector<std::string> Sources(const Rules& rules, const fs::path& root) {
  static const std::set<std::string> kSuffixes = {".h", ".cc", ".c", ".inc", ".cu", ".cuh", ".cl", ".comp", ".glsl"};
  std::vector<std::string> paths;
  for (const std::string& folder : rules.tree) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && kSuffixes.count(entry.path().extension().string()) > 0) {
        paths.push_back(fs::relative(entry.path(), root).generic_string());
      }
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool IsClean(const fs::path& root, const std::string& rules_file) {
  const Rules rules = ReadRules(rules_file);
  for (const std::string& error : rules.errors) std::cout << rules_file << ": " << error << "\n";
  int violations = static_cast<int>(rules.errors.size());
  const std::vector<std::string> sources = Sources(rules, root);
  for (const std::string& path : sources) violations += CheckFile(rules, root, path);
  std::cout << sources.size() << " files, " << violations << " violations\n";
  return violations == 0 && !sources.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: layering ROOT RULES\n";
    return 2;
  }
  try {
    return IsClean(argv[1], argv[2]) ? 0 : 1;
  } catch (const std::exception& e) {  // a folder that cannot be read
    std::cerr << "layering: " << e.what() << "\n";
    return 2;
  }
}
