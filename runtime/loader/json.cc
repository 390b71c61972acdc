#include "runtime/loader/json.h"

#include <new>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

// What the parser is not asked to see: nesting that is too deep, and Python's literals for non-finite numbers.
struct Prescan {
  bool too_deep = false;
  std::vector<std::pair<size_t, size_t>> non_finite;  // offset, length
};

Prescan Scan(absl::string_view text, int max_depth) {
  Prescan result;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
    } else if (c == '[' || c == '{') {
      result.too_deep = result.too_deep || ++depth > max_depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == 'N' || c == 'I' || c == '-') {
      for (absl::string_view literal : {"NaN", "Infinity", "-Infinity"}) {
        if (absl::StartsWith(text.substr(i), literal)) result.non_finite.emplace_back(i, literal.size());
      }
      if (!result.non_finite.empty() && result.non_finite.back().first == i) i += result.non_finite.back().second - 1;
    }
  }
  return result;
}

// Equal keys within one object. The parser calls it with the depth of the value it is in.
class DuplicateFinder {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    const size_t level = static_cast<size_t>(depth);
    if (event == Event::object_start) {
      if (keys_.size() <= level + 1) keys_.resize(level + 2);
      keys_[level + 1].clear();
    } else if (event == Event::key && duplicate_.empty()) {
      const std::string& key = value.get_ref<const std::string&>();
      if (!keys_[level].insert(key).second) duplicate_ = absl::StrCat("'", Printable(key), "'");
    }
    return true;
  }
  const std::string& duplicate() const { return duplicate_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string duplicate_;
};

absl::StatusOr<nlohmann::json> Parse(absl::string_view text, absl::string_view what, bool refuse_duplicates) {
  DuplicateFinder finder;
  nlohmann::json::parser_callback_t callback;
  if (refuse_duplicates) {
    callback = [&finder](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
      return finder(depth, event, value);
    };
  }
  nlohmann::json parsed = nlohmann::json::parse(text.begin(), text.end(), callback);
  if (!finder.duplicate().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " names ", finder.duplicate(), " twice in one object; want every name once"));
  }
  return parsed;
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text, absl::string_view what, const JsonRules& rules) {
  const Prescan scan = Scan(text, rules.max_depth);
  if (scan.too_deep) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is JSON nested deeper than ", rules.max_depth, " levels, which no model file needs"));
  }
  // The library reports where a fault lies only by exception; none leaves this function.
  try {
    if (scan.non_finite.empty()) return Parse(text, what, rules.refuse_duplicates);
    std::string cleaned;
    size_t from = 0;
    for (const auto& [offset, length] : scan.non_finite) {
      absl::StrAppend(&cleaned, text.substr(from, offset - from), "null");
      from = offset + length;
    }
    absl::StrAppend(&cleaned, text.substr(from));
    return Parse(cleaned, what, rules.refuse_duplicates);
  } catch (const nlohmann::json::exception& error) {
    absl::string_view reason = error.what();
    const size_t id_end = reason.find("] ");
    if (id_end != absl::string_view::npos) reason.remove_prefix(id_end + 2);
    return absl::InvalidArgumentError(absl::StrCat(what, " is not valid JSON: ", Printable(reason, 240)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory while reading ", what, " (", text.size(), " bytes)"));
  }
}

}  // namespace concord::loader
