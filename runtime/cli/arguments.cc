#include "runtime/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/exit_code.h"

namespace concord::cli {
namespace {

std::string Shown(const std::string& text) { return text; }
std::string Shown(int value) { return std::to_string(value); }
std::string Shown(int64_t value) { return std::to_string(value); }
template <typename T>
std::string Shown(const std::optional<T>&) {
  return "";
}
std::string Shown(const std::vector<std::string>& values) { return absl::StrJoin(values, ","); }

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
  HelpPage page;
  std::string group = "Options";
  std::vector<std::string> long_names;
  CLI::Option* last = nullptr;
  bool help = false;

  void Remember(const std::string& names, const std::string& value, const std::string& help_text,
                const std::string& default_value) {
    std::vector<std::string> parts = absl::StrSplit(names, ',');
    for (const std::string& name : parts) {
      if (name.size() > 2) long_names.push_back(name);
    }
    page.entries.push_back({group, absl::StrJoin(parts, ", "), value, help_text, default_value});
  }

  template <typename T>
  void Add(const std::string& names, const std::string& value, T* target, const std::string& help_text) {
    Remember(names, value, help_text, Shown(*target));
    last = app.add_option(names, *target)->allow_extra_args(false);
    if constexpr (!std::is_same_v<T, std::vector<std::string>>) last->expected(1);
  }
};

Arguments::Arguments(std::string program, std::string summary, std::string details) : impl_(new Impl) {
  impl_->page.program = std::move(program);
  impl_->page.summary = std::move(summary);
  impl_->page.details = std::move(details);
  impl_->app.set_help_flag();  // ours, so that it wins over what is missing or wrong beside it
}

Arguments::~Arguments() = default;

void Arguments::Group(const std::string& heading) { impl_->group = heading; }

void Arguments::Positional(const std::string& name, std::string* target, const std::string& help, bool required) {
  impl_->page.entries.push_back({"", name, "", help, ""});
  absl::StrAppend(&impl_->page.usage_tail, required ? " " : " [", name, required ? "" : "]");
  CLI::Option* option = impl_->app.add_option(name, *target);
  if (required) option->required();
}

void Arguments::Positional(const std::string& name, std::optional<std::string>* target, const std::string& help) {
  impl_->page.entries.push_back({"", name, "", help, ""});
  absl::StrAppend(&impl_->page.usage_tail, " [", name, "]");
  impl_->app.add_option(name, *target);
}

void Arguments::Flag(const std::string& names, bool* target, const std::string& help) {
  impl_->Remember(names, "", help, "");
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
  impl_->Add(names, value, target, help);
  impl_->last->check([](const std::string& text) {  // CLI11 would take -1 and 1e30 for the largest number
    uint64_t number = 0;
    return absl::SimpleAtoi(text, &number) ? "" : absl::StrCat("want a whole number from 0 to ", UINT64_MAX);
  });
  return *this;
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
  impl_->page.entries.back().value = absl::StrJoin(choices, "|");
  impl_->last->check([choices](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return std::string();
    return absl::StrCat("is '", text, "', want ", absl::StrJoin(choices, ", "));
  });
  return *this;
}

void Arguments::Subcommand(const std::string& name, const std::string& summary) {
  impl_->page.commands.emplace_back(name, summary);
}

void Arguments::Example(const std::string& line, const std::string& what) {
  impl_->page.examples.emplace_back(line, what);
}

absl::Status Arguments::Parse(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word == "-h" || word == "--help") return impl_->help = true, absl::OkStatus();
  }
  const std::string see = absl::StrCat("; see ", impl_->page.program, " --help");
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

std::string Arguments::Help(const Translate& translate) const { return Render(impl_->page, translate); }

}  // namespace concord::cli
