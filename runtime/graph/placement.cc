#include "runtime/graph/placement.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace concord::graph {
namespace {

using What = PlaceRule::What;

constexpr absl::string_view kLayers = "layers.";

std::optional<int64_t> LayerOf(absl::string_view scope) {
  if (!absl::ConsumePrefix(&scope, kLayers)) return std::nullopt;
  int64_t layer = 0;
  if (!absl::SimpleAtoi(scope.substr(0, scope.find('.')), &layer) || layer < 0) return std::nullopt;
  return layer;
}

absl::Status Expected(size_t position, absl::string_view text, absl::string_view what) {
  const absl::string_view got = absl::StripAsciiWhitespace(text);
  return absl::InvalidArgumentError(absl::StrCat("place: at position ", position + 1,
                                                 got.empty() ? ", where it ends" : absl::StrCat(", '", got, "'"),
                                                 ": want ", what, "; for example \"layers 0-7=vulkan:0; *=cpu\""));
}

// "N" or "N-M".
absl::Status ParseRange(absl::string_view text, size_t position, PlaceRule* rule) {
  const size_t dash = text.find('-');
  const absl::string_view first = absl::StripAsciiWhitespace(text.substr(0, dash));
  const absl::string_view last =
      dash == absl::string_view::npos ? first : absl::StripAsciiWhitespace(text.substr(dash + 1));
  if (!absl::SimpleAtoi(first, &rule->first) || !absl::SimpleAtoi(last, &rule->last) || rule->first < 0) {
    return Expected(position, text, "numbers of layers, N or N-M");
  }
  return rule->first <= rule->last ? absl::OkStatus() : Expected(position, text, "the lower layer first");
}

absl::Status ParseWhat(absl::string_view text, size_t position, PlaceRule* rule) {
  absl::string_view what = absl::StripAsciiWhitespace(text);
  constexpr std::pair<absl::string_view, What> kWords[] = {
      {"*", What::kAll}, {"experts", What::kExperts}, {"embed", What::kEmbed}, {"output", What::kOutput}};
  for (const auto& [word, meaning] : kWords) {
    if (what == word) return rule->what = meaning, absl::OkStatus();
  }
  rule->what = What::kLayers;
  if (absl::ConsumePrefix(&what, "layers ")) return ParseRange(what, position, rule);
  return Expected(position, text, "'layers N', 'layers N-M', 'experts', 'embed', 'output' or '*'");
}

absl::StatusOr<PlaceRule> ParseRule(absl::string_view text, size_t position) {
  const size_t lead = text.size() - absl::StripLeadingAsciiWhitespace(text).size();
  PlaceRule rule{.position = position + lead};
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) return Expected(position + lead, text, "WHAT=DEVICE");
  CONCORD_RETURN_IF_ERROR(ParseWhat(text.substr(0, equals), rule.position, &rule));
  rule.device = std::string(absl::StripAsciiWhitespace(text.substr(equals + 1)));
  if (rule.device.empty() || absl::StrContains(rule.device, "=")) {
    return Expected(position + equals + 1, rule.device, "the name of a device");
  }
  return rule;
}

bool Names(const PlaceRule& rule, const Unit& unit) {
  switch (rule.what) {
    case What::kLayers:
      return unit.layer != Unit::kEmbed && unit.layer != Unit::kOutput && rule.first <= unit.layer &&
             unit.layer <= rule.last;
    case What::kExperts:
      return unit.expert;
    case What::kEmbed:
      return unit.layer == Unit::kEmbed;
    case What::kOutput:
      return unit.layer == Unit::kOutput;
    case What::kAll:
      return true;
  }
  return false;
}

// Experts are a part of layers, so they are named more closely; "*" names everything most loosely.
int Closeness(const PlaceRule& rule) { return rule.what == What::kExperts ? 2 : rule.what == What::kAll ? 0 : 1; }

std::string NameOf(const Unit& unit) {
  if (unit.layer == Unit::kEmbed) return "embed";
  if (unit.layer == Unit::kOutput) return "output";
  return absl::StrCat("layers ", unit.layer);
}

// A gated unit between experts, or the sum of theirs: everything but weights of the router comes from experts.
bool JoinsExperts(const Graph& graph, const std::vector<Unit>& units, const Node& node) {
  const auto from_expert = [&](ValueId id) {
    const int32_t maker = id == kNoValue ? -1 : graph.Producer(id);
    return maker >= 0 && units[maker].expert;
  };
  if (node.op->name == "weighted_sum") return from_expert(node.inputs[0]);
  return node.op->name == "glu" && std::all_of(node.inputs.begin(), node.inputs.end(), from_expert);
}

}  // namespace

std::vector<Unit> UnitsOf(const Graph& graph, bool after_layers) {
  std::vector<Unit> units(graph.nodes.size());
  bool layers = after_layers;
  for (size_t n = 0; n < units.size(); ++n) {
    const std::optional<int64_t> layer = LayerOf(graph.nodes[n].scope);
    layers = layers || layer.has_value();
    units[n].layer = layer.value_or(layers ? Unit::kOutput : Unit::kEmbed);
    const Node& node = graph.nodes[n];
    units[n].expert =
        layer.has_value() && (absl::StrContains(node.op->name, "experts") || JoinsExperts(graph, units, node));
  }
  return units;
}

int64_t LayerCount(const Graph& graph) {
  int64_t count = 0;
  for (const Node& node : graph.nodes) count = std::max(count, LayerOf(node.scope).value_or(-1) + 1);
  return count;
}

size_t UnitIndex(const Unit& unit, int64_t layers) {
  if (unit.layer == Unit::kEmbed) return 0;
  return static_cast<size_t>(unit.layer == Unit::kOutput ? layers + 1 : unit.layer + 1);
}

namespace {

// "layers 0-7", for units [begin, end) that are all layers.
std::string LayersText(size_t begin, size_t end) {
  return begin + 1 == end ? absl::StrCat("layers ", begin - 1) : absl::StrCat("layers ", begin - 1, "-", end - 2);
}

// Calls fn(text, first unit) for embed, each run of layers that are alike, and output.
template <typename Alike, typename Fn>
void ForRuns(size_t units, Alike alike, Fn fn) {
  for (size_t begin = 0, end; begin < units; begin = end) {
    const bool layer = begin > 0 && begin + 1 < units;
    for (end = begin + 1; layer && end + 1 < units && alike(begin, end);) ++end;
    fn(layer ? LayersText(begin, end) : begin == 0 ? "embed" : "output", begin);
  }
}

}  // namespace

std::string UnitsText(const std::vector<bool>& marked) {
  std::vector<std::string> texts;
  ForRuns(
      marked.size(), [&](size_t a, size_t b) { return marked[a] == marked[b]; },
      [&](std::string text, size_t first) {
        if (marked[first]) texts.push_back(std::move(text));
      });
  return absl::StrJoin(texts, ", ");
}

std::string PlacementText(const std::vector<int32_t>& device_of_unit, const std::vector<std::string>& devices) {
  const auto alike = [&](size_t a, size_t b) { return device_of_unit[a] == device_of_unit[b]; };
  const bool one =
      std::all_of(device_of_unit.begin(), device_of_unit.end(), [&](int32_t d) { return d == device_of_unit.front(); });
  if (one && !device_of_unit.empty()) return absl::StrCat("*=", devices[device_of_unit.front()]);
  std::vector<std::string> rules;
  ForRuns(device_of_unit.size(), alike, [&](const std::string& text, size_t first) {
    rules.push_back(absl::StrCat(text, "=", devices[device_of_unit[first]]));
  });
  return absl::StrJoin(rules, "; ");
}

absl::StatusOr<std::vector<PlaceRule>> ParsePlacement(const std::string& text) {
  std::vector<PlaceRule> rules;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(';', at), text.size());
    const absl::string_view piece = absl::string_view(text).substr(at, end - at);
    // A semicolon at the end is no mistake.
    if (!absl::StripAsciiWhitespace(piece).empty()) {
      CONCORD_ASSIGN_OR_RETURN(PlaceRule rule, ParseRule(piece, at));
      rules.push_back(std::move(rule));
    } else if (end < text.size()) {
      return Expected(at, piece, "WHAT=DEVICE");
    }
    at = end + 1;
  }
  if (rules.empty()) return Expected(0, text, "WHAT=DEVICE");
  return rules;
}

absl::StatusOr<std::vector<int32_t>> ApplyPlacement(const Graph& graph, const std::vector<PlaceRule>& rules) {
  const std::vector<Unit> units = UnitsOf(graph);
  const int64_t layers = LayerCount(graph);
  for (const PlaceRule& rule : rules) {
    if (std::any_of(units.begin(), units.end(), [&](const Unit& unit) { return Names(rule, unit); })) continue;
    const std::string has = layers == 0 ? "no layers" : absl::StrCat("layers 0 to ", layers - 1);
    return absl::InvalidArgumentError(absl::StrCat("place: the rule at position ", rule.position + 1, " (", rule.device,
                                                   ") names nothing of ", graph.name, ", which has ", has,
                                                   rule.what == What::kExperts ? " and no experts" : ""));
  }
  std::vector<int32_t> rule_of(units.size(), -1);
  for (size_t n = 0; n < units.size(); ++n) {
    for (size_t r = 0; r < rules.size(); ++r) {
      if (!Names(rules[r], units[n])) continue;
      if (rule_of[n] < 0 || Closeness(rules[r]) > Closeness(rules[rule_of[n]])) rule_of[n] = static_cast<int32_t>(r);
    }
    if (rule_of[n] >= 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("place: nothing is said of '", NameOf(units[n]),
                                                   "'; add \"; *=DEVICE\" for all that is not named"));
  }
  return rule_of;
}

}  // namespace concord::graph
