#include "runtime/exec/choose_placement.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/exec/model_memory.h"
#include "runtime/graph/layer_split.h"
#include "runtime/graph/placement.h"

namespace concord::exec {
namespace {

using graph::SplitProblem;

constexpr double kNever = std::numeric_limits<double>::infinity();

std::vector<std::shared_ptr<hal::Device>> AsVector(Devices devices) { return {devices.begin(), devices.end()}; }

// Bytes that cross between units u and u + 1 in a step, for each u.
std::vector<double> BytesBehind(const graph::Graph& graph, size_t n_units, const graph::SymbolValues& symbols) {
  const std::vector<graph::Unit> units = graph::UnitsOf(graph);
  const int64_t layers = graph::LayerCount(graph);
  std::vector<double> bytes(n_units);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const int32_t producer = graph.Producer(static_cast<graph::ValueId>(id));
    if (producer < 0 || graph.values[id].role == graph::Role::kState) continue;
    const size_t first = UnitIndex(units[producer], layers);
    size_t last = first;
    for (const int32_t reader : graph.Readers(static_cast<graph::ValueId>(id))) {
      last = std::max(last, UnitIndex(units[reader], layers));
    }
    const auto size = static_cast<double>(graph::ResolveBytes(graph.values[id].type, symbols).value_or(0));
    for (size_t u = first; u < last; ++u) bytes[u] += size;
  }
  return bytes;
}

// One module on one device, unit by unit. What that refuses is on others, and counts with the unit.
class Measure {
 public:
  Measure(const graph::Module& module, const std::vector<graph::DeviceModel>& models, const PlacementCase& wanted,
          int64_t slots)
      : layers_(graph::LayerCount(module.main)), models_(models), wanted_(wanted) {
    pieces_ = MicroBatchCount(wanted.step.tokens, slots);
    StepCapacities step = wanted.capacities;
    step.n_tokens = (wanted.step.tokens + pieces_ - 1) / pieces_;
    step.n_seqs = wanted.step.seqs, step.n_outputs = wanted.step.outputs;
    symbols_ = step.symbols();
    capacities_ = OfOnePiece(wanted.capacities, slots).symbols();
  }

  size_t units() const { return static_cast<size_t>(layers_) + 2; }
  int64_t pieces() const { return pieces_; }
  const graph::SymbolValues& symbols() const { return symbols_; }

  absl::StatusOr<SplitProblem::Device> Of(const Parts& parts) {
    SplitProblem::Device device{.seconds = std::vector<double>(units()), .bytes = std::vector<double>(units())};
    bool after_layers = false;
    weight_units_.clear();
    std::vector<double> reads(models_.size());
    std::vector<graph::GraphCost> costs;
    for (const auto& part : parts) {
      CONCORD_ASSIGN_OR_RETURN(costs.emplace_back(),
                               graph::ComputeCost(part->module.main, symbols_, wanted_.step.kv_len));
      reads[part->device_index] += costs.back().total.weight_bytes + costs.back().total.state_bytes;
    }
    for (size_t p = 0; p < parts.size(); ++p) {
      const graph::Graph& graph = parts[p]->module.main;
      const std::vector<graph::Unit> unit_of = graph::UnitsOf(graph, after_layers);
      after_layers = after_layers || graph::LayerCount(graph) > 0;
      CONCORD_RETURN_IF_ERROR(AddNodes(*parts[p], unit_of, costs[p], reads[parts[p]->device_index], &device));
    }
    return device;
  }

  // Weights that units far apart read, with their bytes: what is counted in both.
  struct Tied {
    size_t first, second;
    double bytes;
  };
  std::vector<Tied> tied() const {
    std::vector<Tied> all;
    for (const auto& [name, use] : weight_units_) {
      if (use.first != use.last) all.push_back({use.first, use.last, use.bytes});
    }
    return all;
  }

 private:
  struct Use {
    size_t first, last;
    double bytes;
  };

  absl::Status AddNodes(const LoadedPart& part, const std::vector<graph::Unit>& unit_of, const graph::GraphCost& cost,
                        double reads, SplitProblem::Device* device) {
    const graph::Graph& graph = part.module.main;
    const graph::DeviceModel& model = models_[part.device_index];
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const size_t unit = UnitIndex(unit_of[n], layers_);
      device->seconds[unit] += model.Seconds(graph, graph.nodes[n], part.arithmetic[n], cost.nodes[n], reads);
      for (const graph::ValueId id : graph.nodes[n].inputs) {
        if (id != graph::kNoValue) CONCORD_RETURN_IF_ERROR(AddBytes(graph.value(id), unit, model, device));
      }
    }
    return absl::OkStatus();
  }

  // Weights and states that a node reads.
  absl::Status AddBytes(const graph::Value& value, size_t unit, const graph::DeviceModel& model,
                        SplitProblem::Device* device) {
    const bool weight = value.role == graph::Role::kWeight;
    if (!weight && (value.role != graph::Role::kState || value.alias_of != graph::kNoValue)) return absl::OkStatus();
    if (weight && model.host_memory) return absl::OkStatus();  // most are used in the file
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, capacities_));
    const auto [use, fresh] = weight_units_.emplace(value.name, Use{unit, unit, static_cast<double>(bytes)});
    if (!fresh && use->second.last == unit) return absl::OkStatus();
    use->second.last = unit;
    device->bytes[unit] += static_cast<double>(bytes);
    return absl::OkStatus();
  }

  int64_t layers_, pieces_ = 1;
  const std::vector<graph::DeviceModel>& models_;
  const PlacementCase& wanted_;
  graph::SymbolValues symbols_, capacities_;
  std::map<std::string, Use> weight_units_;
};

class Chooser {
 public:
  Chooser(const loader::ModelSource& source, const graph::Module& module, Devices devices,
          const std::vector<graph::DeviceModel>& models, const PlacementCase& wanted, const std::string& compute)
      : source_(source),
        module_(module),
        devices_(devices),
        models_(models),
        wanted_(wanted),
        compute_(compute),
        measure_(module, models, wanted, SlotCount(AsVector(devices), wanted.step.max_tokens)) {}

  absl::StatusOr<ChosenPlacement> Choose() {
    CONCORD_RETURN_IF_ERROR(Describe());
    std::vector<Candidate> candidates;
    for (const graph::LayerSplit& split : graph::BestSplits(problem_)) {
      CONCORD_RETURN_IF_ERROR(Try(split.device_of_unit, &candidates));
    }
    // What is faster alone shows why a split was chosen or not.
    for (size_t d = 0; d < devices_.size(); ++d) {
      const std::vector<int32_t> alone(measure_.units(), static_cast<int32_t>(d));
      const auto same = [&](const Candidate& c) { return c.device_of_unit == alone; };
      if (problem_.devices[d].seconds[0] == kNever) continue;
      if (std::none_of(candidates.begin(), candidates.end(), same)) CONCORD_RETURN_IF_ERROR(Try(alone, &candidates));
    }
    if (candidates.empty()) return why_not_;
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::pair(!a.tried.fits, a.tried.seconds) < std::pair(!b.tried.fits, b.tried.seconds);
    });
    ChosenPlacement chosen{.fits = candidates[0].tried.fits};
    chosen.wished = ByNode(candidates[0].device_of_unit);
    for (const Candidate& c : candidates) chosen.alternatives.push_back(c.tried);
    chosen.remark = Why(candidates);
    return chosen;
  }

 private:
  struct Candidate {
    std::vector<int32_t> device_of_unit;
    PlanAlternative tried;
    int devices = 1;
  };

  absl::Status Describe() {
    problem_.pieces = measure_.pieces();
    const std::vector<double> behind = BytesBehind(module_.main, measure_.units(), measure_.symbols());
    const double cut = *std::max_element(behind.begin(), behind.end());
    std::map<std::pair<size_t, size_t>, std::vector<double>> tied;
    for (size_t d = 0; d < devices_.size(); ++d) {
      CONCORD_ASSIGN_OR_RETURN(SplitProblem::Device device, DescribeDevice(d, cut));
      for (const Measure::Tied& t : measure_.tied()) {
        auto& bytes = tied[{t.first, t.second}];
        bytes.resize(devices_.size());
        bytes[d] += t.bytes;
      }
      problem_.devices.push_back(std::move(device));
    }
    for (auto& [units, bytes] : tied) problem_.shared.push_back({units.first, units.second, std::move(bytes)});
    return absl::OkStatus();
  }

  absl::StatusOr<SplitProblem::Device> DescribeDevice(size_t d, double cut_bytes) {
    const graph::DeviceModel& model = models_[d];
    const std::vector<int32_t> wished(module_.main.nodes.size(), static_cast<int32_t>(d));
    absl::StatusOr<CompiledParts> compiled = CompileParts(module_, devices_, wished, compute_);
    if (!compiled.ok()) {  // it cannot take any part
      why_not_ = compiled.status();
      return SplitProblem::Device{.seconds = std::vector<double>(measure_.units(), kNever),
                                  .bytes = std::vector<double>(measure_.units())};
    }
    CONCORD_ASSIGN_OR_RETURN(SplitProblem::Device device, measure_.Of(compiled->parts));
    CONCORD_ASSIGN_OR_RETURN(const ModelMemory memory, ModelMemory::Make(source_, compiled->parts, AsVector(devices_)));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<DeviceMemory> all, memory.For(wanted_.capacities));
    device.segment_bytes = static_cast<double>(all[d].activations + all[d].scratch.value_or(0) + all[d].io);
    if (model.host_memory) device.segment_bytes += static_cast<double>(all[d].weights_made);
    device.segment_seconds = model.submission_seconds;
    device.cut_seconds = model.CopySeconds(cut_bytes);
    device.free_bytes = static_cast<double>(model.free_bytes);
    device.host_memory = model.host_memory;
    device.host_cores = model.shares_host_cores;
    return device;
  }

  std::vector<int32_t> ByNode(const std::vector<int32_t>& device_of_unit) const {
    std::vector<int32_t> wished;
    const int64_t layers = graph::LayerCount(module_.main);
    for (const graph::Unit& unit : graph::UnitsOf(module_.main)) {
      wished.push_back(device_of_unit[UnitIndex(unit, layers)]);
    }
    return wished;
  }

  // Compiles it as it would run and predicts that.
  absl::Status Try(const std::vector<int32_t>& device_of_unit, std::vector<Candidate>* candidates) {
    CONCORD_ASSIGN_OR_RETURN(const CompiledParts compiled,
                             CompileParts(module_, devices_, ByNode(device_of_unit), compute_));
    CONCORD_ASSIGN_OR_RETURN(const StepPrediction step,
                             PredictStep(compiled.parts, AsVector(devices_), models_, wanted_.step));
    CONCORD_ASSIGN_OR_RETURN(const ModelMemory memory, ModelMemory::Make(source_, compiled.parts, AsVector(devices_)));
    CONCORD_ASSIGN_OR_RETURN(const std::vector<DeviceMemory> needed, memory.For(wanted_.capacities));
    std::vector<std::string> names;
    for (const auto& device : devices_) names.push_back(device->id());
    Candidate& c = candidates->emplace_back();
    c.device_of_unit = device_of_unit;
    c.tried = {graph::PlacementText(device_of_unit, names), step.seconds, FitsAll(needed, models_)};
    for (size_t u = 1; u < device_of_unit.size(); ++u) c.devices += device_of_unit[u] != device_of_unit[u - 1];
    return absl::OkStatus();
  }

  static std::string Why(const std::vector<Candidate>& candidates) {
    const Candidate& best = candidates.front();
    if (!best.tried.fits) return "no placement fits";
    const auto other = std::find_if(candidates.begin() + 1, candidates.end(), [&](const Candidate& c) {
      return c.tried.fits && (c.devices > 1) != (best.devices > 1);
    });
    const std::string step = absl::StrFormat("%.2f ms a step", best.tried.seconds * 1e3);
    if (other == candidates.end()) {
      return absl::StrCat(best.tried.place, ": ", step,
                          best.devices > 1 ? "; it fits on no device alone" : "; no split fits");
    }
    return absl::StrFormat("%s: %s; %s (%s) would take %.2f ms", best.tried.place, step,
                           best.devices > 1 ? "the best device alone" : "the best split", other->tried.place,
                           other->tried.seconds * 1e3);
  }

  const loader::ModelSource& source_;
  const graph::Module& module_;
  Devices devices_;
  const std::vector<graph::DeviceModel>& models_;
  const PlacementCase& wanted_;
  const std::string& compute_;
  Measure measure_;
  SplitProblem problem_;
  absl::Status why_not_;
};

}  // namespace

absl::StatusOr<PlacementCase> CaseOf(const LoadOptions& options, const EngineOptions& engine, int64_t context) {
  PlacementCase wanted;
  const int64_t seqs = std::max<int64_t>(1, options.expected_sequences);
  EngineOptions sized = engine;
  sized.max_sequences = std::max(sized.max_sequences, seqs);
  sized.kv_tokens = std::max(sized.kv_tokens, seqs * context);
  CONCORD_ASSIGN_OR_RETURN(wanted.capacities, CapacitiesFor(sized, context, BlockTokensOf(options)));
  wanted.step = {.seqs = seqs, .kv_len = context, .max_tokens = wanted.capacities.n_tokens, .context = context};
  if (options.optimize_for == "prompt") {
    wanted.step.tokens = wanted.capacities.n_tokens;
    wanted.step.seqs = 1, wanted.step.kv_len = std::max<int64_t>(1, wanted.step.tokens / 2);
  } else if (options.optimize_for == "latency" || options.optimize_for == "throughput") {
    wanted.step.tokens = wanted.step.outputs = seqs;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("optimize_for is '", options.optimize_for, "', want latency, throughput or prompt"));
  }
  return wanted;
}

absl::StatusOr<ChosenPlacement> ChoosePlacement(const loader::ModelSource& source, const graph::Module& module,
                                                Devices devices, const std::vector<graph::DeviceModel>& models,
                                                const PlacementCase& wanted, const std::string& compute) {
  return Chooser(source, module, devices, models, wanted, compute).Choose();
}

}  // namespace concord::exec
