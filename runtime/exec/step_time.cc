#include "runtime/exec/step_time.h"

#include <algorithm>

#include "runtime/exec/capacities.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/exec/probe.h"
#include "runtime/exec/step_inputs.h"
#include "runtime/exec/step_sizes.h"
#include "runtime/graph/split.h"

namespace concord::exec {
namespace {

int64_t BlocksOf(const StepSizes& sizes) { return (sizes.context + kBlockTokens - 1) / kBlockTokens; }

StepCapacities AsCapacities(const StepSizes& sizes, int64_t tokens) {
  const int64_t blocks = BlocksOf(sizes);
  return {.n_tokens = tokens,
          .n_seqs = sizes.seqs,
          .n_outputs = sizes.outputs,
          .n_blocks = sizes.seqs * blocks,
          .max_blocks = blocks};
}

// A batch of these sizes; contents do not matter.
StepBatch BatchOf(const StepSizes& sizes, int64_t tokens) {
  StepBatch batch;
  const auto n = static_cast<size_t>(tokens), seqs = static_cast<size_t>(sizes.seqs);
  for (auto* field : {&batch.tokens, &batch.positions, &batch.slots}) field->resize(n);
  batch.q_start.resize(seqs + 1);
  batch.kv_len.resize(seqs);
  batch.block_table.resize(seqs * static_cast<size_t>(BlocksOf(sizes)));
  batch.output_rows.resize(static_cast<size_t>(sizes.outputs));
  return batch;
}

double BytesOf(const ops::TensorType& type, const graph::SymbolValues& symbols) {
  return static_cast<double>(graph::ResolveBytes(type, symbols).value_or(0));
}

// One piece on its way through the parts. `inputs` says when each device has its inputs.
class PieceTime {
 public:
  PieceTime(const Parts& parts, const std::vector<graph::DeviceModel>& models, const graph::SymbolValues& symbols,
            int64_t kv_len, const std::vector<double>& inputs)
      : parts_(parts), models_(models), symbols_(symbols), kv_len_(kv_len), inputs_(inputs), busy_(models.size()) {}

  absl::Status Add(size_t index, StepPrediction* prediction) {
    const LoadedPart& part = *parts_[index];
    const graph::DeviceModel& model = models_[part.device_index];
    const graph::Graph& graph = part.module.main;
    CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost cost, graph::ComputeCost(graph, symbols_, kv_len_));
    const double seconds = model.StepSeconds(graph, part.arithmetic, cost);
    prediction->cost += cost.total;
    prediction->part_seconds.push_back(seconds);
    busy_[part.device_index] += seconds;
    work_ += seconds;
    end_ = std::max(end_, inputs_[part.device_index]) + seconds;
    prediction->part_out_bytes.push_back(CopyCuts(part));
    return absl::OkStatus();
  }

  double end() const { return end_; }    // when it is through
  double work() const { return work_; }  // what all devices together do for it
  double copies() const { return copies_; }
  double busiest() const { return std::max(*std::max_element(busy_.begin(), busy_.end()), largest_copy_); }

 private:
  // A cut leaves its device once, and enters every other that reads it.
  double CopyCuts(const LoadedPart& part) {
    double out_bytes = 0;
    for (const graph::NamedOutput& output : part.module.main.outputs) {
      const double bytes = BytesOf(part.module.main.value(output.value).type, symbols_);
      if (!graph::IsCut(output.name)) {
        Copy(part.device_index, bytes);  // logits
        continue;
      }
      std::vector<bool> enters(models_.size());
      for (const auto& reader : parts_) {
        if (reader->device_index == part.device_index) continue;
        if (reader->module.main.Find(output.name) != graph::kNoValue) enters[reader->device_index] = true;
      }
      if (std::count(enters.begin(), enters.end(), true) == 0) continue;
      out_bytes += bytes;
      Copy(part.device_index, bytes);
      for (size_t d = 0; d < enters.size(); ++d) {
        if (enters[d]) Copy(d, bytes);
      }
    }
    return out_bytes;
  }
  void Copy(size_t device, double bytes) {
    const double seconds = bytes > 0 ? models_[device].CopySeconds(bytes) : 0;
    end_ += seconds, work_ += seconds, copies_ += seconds;
    largest_copy_ = std::max(largest_copy_, seconds);
  }

  const Parts& parts_;
  const std::vector<graph::DeviceModel>& models_;
  const graph::SymbolValues& symbols_;
  int64_t kv_len_;
  const std::vector<double>& inputs_;
  std::vector<double> busy_;
  double end_ = 0, work_ = 0, copies_ = 0, largest_copy_ = 0;
};

// The inputs of all pieces go to every device when the step begins.
absl::StatusOr<std::vector<double>> InputSeconds(const Parts& parts,
                                                 const std::vector<std::shared_ptr<hal::Device>>& devices,
                                                 const std::vector<graph::DeviceModel>& models, const StepSizes& sizes,
                                                 int64_t piece_tokens) {
  const int64_t slots = SlotCount(devices, sizes.max_tokens);
  const auto more = static_cast<double>(MicroBatchCount(sizes.tokens, slots) - 1);
  const graph::SymbolValues most = OfOnePiece(AsCapacities(sizes, sizes.max_tokens), slots).symbols();
  const std::vector<const LoadedPart*> pointers = Pointers(parts);
  std::vector<double> seconds;
  for (size_t d = 0; d < models.size(); ++d) {
    CONCORD_ASSIGN_OR_RETURN(const InputLayout layout, InputLayout::Of(PartsOn(d, pointers), most));
    const auto last = static_cast<double>(layout.Pack(BatchOf(sizes, piece_tokens), nullptr));
    const double bytes = last + more * static_cast<double>(layout.total_bytes());
    seconds.push_back(bytes > 0 ? models[d].CopySeconds(bytes) : 0);
  }
  return seconds;
}

}  // namespace

absl::StatusOr<StepPrediction> PredictStep(const Parts& parts, const std::vector<std::shared_ptr<hal::Device>>& devices,
                                           const std::vector<graph::DeviceModel>& models, const StepSizes& sizes) {
  const int64_t slots = SlotCount(devices, sizes.max_tokens);
  const int64_t pieces = MicroBatchCount(sizes.tokens, slots);
  const int64_t tokens = (sizes.tokens + pieces - 1) / pieces;
  const graph::SymbolValues symbols = AsCapacities(sizes, tokens).symbols();
  CONCORD_ASSIGN_OR_RETURN(const std::vector<double> inputs, InputSeconds(parts, devices, models, sizes, tokens));
  StepPrediction prediction;
  PieceTime piece(parts, models, symbols, sizes.kv_len, inputs);
  for (size_t p = 0; p < parts.size(); ++p) CONCORD_RETURN_IF_ERROR(piece.Add(p, &prediction));
  prediction.seconds = piece.end();
  if (pieces > 1) {  // only where devices work side by side; the last piece of a prompt sees the most keys
    const int64_t later = sizes.seqs == 1 ? (sizes.tokens - tokens) / 2 : 0;
    PieceTime last(parts, models, symbols, sizes.kv_len + later, inputs);
    StepPrediction of_last;
    for (size_t p = 0; p < parts.size(); ++p) CONCORD_RETURN_IF_ERROR(last.Add(p, &of_last));
    prediction.seconds = last.end() + static_cast<double>(pieces) * piece.busiest() - last.busiest();
  }
  prediction.copy_seconds = static_cast<double>(pieces) * piece.copies();
  for (const double seconds : inputs) prediction.copy_seconds += seconds;
  for (double& seconds : prediction.part_seconds) seconds *= static_cast<double>(pieces);
  for (double& bytes : prediction.part_out_bytes) bytes *= static_cast<double>(pieces);
  return prediction;
}

absl::StatusOr<double> PredictPrompts(const Parts& parts, const std::vector<std::shared_ptr<hal::Device>>& devices,
                                      const std::vector<graph::DeviceModel>& models, StepSizes sizes) {
  const int64_t all = sizes.tokens, prompt = all / std::max<int64_t>(1, sizes.seqs);
  double seconds = 0;
  for (int64_t done = 0; done < all; done += sizes.tokens) {
    sizes.tokens = std::min(sizes.max_tokens, all - done);
    const int64_t before = sizes.seqs == 1 ? done : 0;  // several prompts go one after the other
    sizes.kv_len = std::max<int64_t>(1, before + std::min(sizes.tokens, prompt) / 2);
    CONCORD_ASSIGN_OR_RETURN(const StepPrediction step, PredictStep(parts, devices, models, sizes));
    seconds += step.seconds + EngineSeconds();
  }
  return seconds;
}

}  // namespace concord::exec
