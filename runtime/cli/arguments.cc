#include "runtime/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/exit_code.h"

namespace concord::cli {
namespace {

constexpr size_t kHelpWidth = 100;
constexpr size_t kHelpColumn = 28;

std::string Shown(const std::string& text) { return text; }
std::string Shown(int value) { return std::to_string(value); }
std::string Shown(int64_t value) { return std::to_string(value); }
template <typename T>
std::string Shown(const std::optional<T>&) {
  return "";
}
std::string Shown(const std::vector<std::string>& values) { return absl::StrJoin(values, ","); }

// `text` in lines of at most kHelpWidth, all but the first indented.
std::string Wrapped(const std::string& text, size_t indent) {
  std::string out;
  size_t column = indent;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > indent && column + 1 + word.size() > kHelpWidth) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      out += ' ', ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out;
}

std::string HelpLine(const std::string& left, const std::string& help) {
  std::string line = "  " + left;
  if (line.size() + 2 > kHelpColumn) {
    absl::StrAppend(&line, "\n", std::string(kHelpColumn, ' '));
  } else {
    line.resize(kHelpColumn, ' ');
  }
  return absl::StrCat(line, Wrapped(help, kHelpColumn), "\n");
}

// Steps of inserting, deleting, replacing or swapping neighbours that make `b` of `a`.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

struct Entry {
  std::string group;  // empty: a positional
  std::string left;
  std::string help;
};

}  // namespace

std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;  // a third of the letters may be wrong
  for (const std::string& candidate : candidates) {
    const bool begins = word.size() >= 4 && candidate.compare(0, word.size(), word) == 0;
    const size_t distance = begins ? 1 : EditDistance(word, candidate);
    if (distance < least) least = distance, best = candidate;
  }
  return best;
}

struct Arguments::Impl {
  CLI::App app;
  std::string program, summary, details;
  std::string group = "Options";
  std::vector<std::string> groups;
  std::vector<Entry> entries;
  std::vector<std::string> long_names;
  std::vector<std::pair<std::string, std::string>> examples;
  std::string usage_tail;
  CLI::Option* last = nullptr;
  bool help = false;

  void Remember(const std::string& names, const std::string& value, const std::string& help_text) {
    std::vector<std::string> parts = absl::StrSplit(names, ',');
    for (const std::string& name : parts) {
      if (name.size() > 2) long_names.push_back(name);
    }
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    std::string left = absl::StrJoin(parts, ", ");
    if (!value.empty()) absl::StrAppend(&left, " ", value);
    entries.push_back({group, std::move(left), help_text});
  }

  template <typename T>
  void Add(const std::string& names, const std::string& value, T* target, std::string help_text) {
    const std::string shown = Shown(*target);
    if (!shown.empty()) absl::StrAppend(&help_text, " [", shown, "]");
    Remember(names, value, help_text);
    last = app.add_option(names, *target)->allow_extra_args(false);
    if constexpr (!std::is_same_v<T, std::vector<std::string>>) last->expected(1);
  }
};

Arguments::Arguments(std::string program, std::string summary, std::string details) : impl_(new Impl) {
  impl_->program = std::move(program);
  impl_->summary = std::move(summary);
  impl_->details = std::move(details);
  impl_->app.set_help_flag();  // ours, so that it wins over what is missing or wrong beside it
}

Arguments::~Arguments() = default;

void Arguments::Group(const std::string& heading) { impl_->group = heading; }

void Arguments::Positional(const std::string& name, std::string* target, const std::string& help, bool required) {
  impl_->entries.push_back({"", name, help});
  absl::StrAppend(&impl_->usage_tail, required ? " " : " [", name, required ? "" : "]");
  CLI::Option* option = impl_->app.add_option(name, *target);
  if (required) option->required();
}

void Arguments::Positional(const std::string& name, std::optional<std::string>* target, const std::string& help) {
  impl_->entries.push_back({"", name, help});
  absl::StrAppend(&impl_->usage_tail, " [", name, "]");
  impl_->app.add_option(name, *target);
}

void Arguments::Flag(const std::string& names, bool* target, const std::string& help) {
  impl_->Remember(names, "", help);
  impl_->app.add_flag(names, *target);
}

Arguments& Arguments::Value(const std::string& names, const std::string& value, std::string* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, int* target, const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, int64_t* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, std::optional<std::string>* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, std::optional<int64_t>* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, std::optional<uint64_t>* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, std::optional<float>* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}
Arguments& Arguments::Value(const std::string& names, const std::string& value, std::vector<std::string>* target,
                            const std::string& help) {
  return impl_->Add(names, value, target, help), *this;
}

Arguments& Arguments::AtLeast(double minimum) {
  impl_->last->check([minimum](const std::string& text) {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value);
    return number && value < minimum ? absl::StrCat("is ", text, ", want at least ", minimum) : std::string();
  });
  return *this;
}

Arguments& Arguments::OneOf(const std::vector<std::string>& choices) {
  impl_->last->check([choices](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return std::string();
    return absl::StrCat("is '", text, "', want ", absl::StrJoin(choices, ", "));
  });
  return *this;
}

void Arguments::Example(const std::string& line, const std::string& what) { impl_->examples.emplace_back(line, what); }

absl::Status Arguments::Parse(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word == "-h" || word == "--help") return impl_->help = true, absl::OkStatus();
  }
  const std::string see = absl::StrCat("; see ", impl_->program, " --help");
  try {
    impl_->app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    return absl::OkStatus();
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = impl_->app.remaining();
    std::string word = extras.empty() ? "" : extras.front();
    if (word.empty() || word[0] != '-') return UsageError(absl::StrCat("'", word, "' is one argument too many", see));
    word = word.substr(0, word.find('='));
    const std::string near = Nearest(word, impl_->long_names);
    return UsageError(absl::StrCat("there is no option ", word,
                                   near.empty() ? "" : absl::StrCat("; did you mean ", near, "?"),
                                   near.empty() ? see : ""));
  } catch (const CLI::RequiredError& error) {
    const std::string what = error.what();
    return UsageError(absl::StrCat(what.substr(0, what.find(' ')), " is missing", see));
  } catch (const CLI::ArgumentMismatch& error) {  // "--top-k: 1 required INT missing"
    const std::string what = error.what();
    return UsageError(absl::StrCat(what.substr(0, what.find(':')), " needs a value", see));
  } catch (const CLI::ConversionError& error) {  // "Could not convert: --seed = abc"
    const std::string what = error.what();
    const size_t name = what.find("--"), equals = what.find(" = ");
    if (name == std::string::npos || equals == std::string::npos) return UsageError(absl::StrCat(what, see));
    return UsageError(
        absl::StrCat(what.substr(name, equals - name), " is '", what.substr(equals + 3), "', want a number", see));
  } catch (const CLI::ParseError& error) {
    return UsageError(absl::StrCat(error.what(), see));
  }
}

bool Arguments::help_wanted() const { return impl_->help; }

std::string Arguments::Help() const {
  const Impl& i = *impl_;
  std::string out = absl::StrCat("Usage: ", i.program, i.usage_tail, " [options]\n\n", Wrapped(i.summary, 0), "\n");
  if (!i.details.empty()) absl::StrAppend(&out, "\n", i.details, "\n");
  out += "\n";
  for (const Entry& e : i.entries) {
    if (e.group.empty()) absl::StrAppend(&out, HelpLine(e.left, e.help));
  }
  for (const std::string& group : i.groups) {
    absl::StrAppend(&out, "\n", group, ":\n");
    for (const Entry& e : i.entries) {
      if (e.group == group) absl::StrAppend(&out, HelpLine(e.left, e.help));
    }
  }
  if (!i.examples.empty()) out += "\nExamples:\n";
  for (const auto& [line, what] : i.examples) absl::StrAppend(&out, "  ", line, "\n      ", Wrapped(what, 6), "\n");
  return out;
}

}  // namespace concord::cli
