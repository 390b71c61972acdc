#include "runtime/exec/step_inputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "runtime/graph/sizes.h"
#include "runtime/graph/split.h"

namespace concord::exec {
namespace {

constexpr uint64_t kInputAlign = 256;  // offsets of inputs in their buffer: a multiple of any device's wish

struct InputField {
  const char* name;  // of the graph's input; group inputs end like this
  const std::vector<int32_t> StepBatch::*field;
};
constexpr InputField kInputFields[] = {
    {"tokens", &StepBatch::tokens},          {"positions", &StepBatch::positions},
    {"q_start", &StepBatch::q_start},        {"kv_len", &StepBatch::kv_len},
    {".slots", &StepBatch::slots},           {".block_table", &StepBatch::block_table},
    {"output_rows", &StepBatch::output_rows}};

const InputField* FieldOf(absl::string_view name) {
  for (const InputField& f : kInputFields) {
    const absl::string_view want = f.name;
    if (f.name[0] == '.' ? name.size() > want.size() && absl::EndsWith(name, want) : name == want) return &f;
  }
  return nullptr;
}

}  // namespace

// One piece of memory, so that one copy brings the inputs to a device with memory of its own. The largest (the block
// tables) are last: what a step leaves unused is then mostly behind the last used byte, and does not travel.
absl::StatusOr<InputLayout> InputLayout::Of(const std::vector<const LoadedPart*>& parts,
                                            const graph::SymbolValues& capacities) {
  InputLayout layout;
  for (const LoadedPart* part : parts) {
    for (const graph::Value& value : part->module.main.values) {
      if (value.role != graph::Role::kInput || graph::IsCut(value.name)) continue;
      const auto same = [&](const Input& input) { return input.name == value.name; };
      if (std::any_of(layout.inputs_.begin(), layout.inputs_.end(), same)) continue;
      const InputField* field = FieldOf(value.name);
      if (field == nullptr)
        return absl::UnimplementedError(absl::StrCat("the graph has an input '", value.name, "' that nothing gives"));
      CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(value.type, capacities));
      const uint64_t padded = (static_cast<uint64_t>(bytes) + kInputAlign - 1) / kInputAlign * kInputAlign;
      layout.inputs_.push_back({value.name, field->field, padded, 0});
    }
  }
  std::stable_sort(layout.inputs_.begin(), layout.inputs_.end(),
                   [](const Input& a, const Input& b) { return a.padded_bytes < b.padded_bytes; });
  for (Input& input : layout.inputs_) {
    input.offset_bytes = layout.total_bytes_;
    layout.total_bytes_ += input.padded_bytes;
  }
  return layout;
}

std::vector<concord_binding> InputLayout::Bind(const LoadedPart& part, const hal::Buffer& buffer,
                                               uint64_t offset) const {
  std::vector<concord_binding> bindings;
  for (const Input& input : inputs_) {
    const graph::ValueId id = part.module.main.Find(input.name);
    if (id == graph::kNoValue) continue;
    bindings.push_back(
        buffer.Bind(part.lowered->slot(id), CONCORD_ROLE_INPUT, offset + input.offset_bytes, input.padded_bytes));
  }
  return bindings;
}

uint64_t InputLayout::Pack(const StepBatch& batch, char* to) const {
  uint64_t end = 0;
  for (const Input& input : inputs_) {
    const std::vector<int32_t>& values = batch.*input.field;
    if (values.empty()) continue;
    if (to != nullptr) std::memcpy(to + input.offset_bytes, values.data(), values.size() * sizeof(int32_t));
    end = input.offset_bytes + values.size() * sizeof(int32_t);
  }
  return end;
}

absl::StatusOr<StepInputs> StepInputs::Create(InputLayout layout, int64_t slots, Lane* lane) {
  StepInputs made;
  made.layout_ = std::move(layout);
  const auto bytes = static_cast<int64_t>(made.layout_.total_bytes());
  if (bytes == 0) return made;
  CONCORD_ASSIGN_OR_RETURN(made.buffer_,
                           lane->AllocateStaged(slots * bytes, CONCORD_MAP_WRITE, "the inputs of a step"));
  return made;
}

std::vector<concord_binding> StepInputs::Bind(const LoadedPart& part, int64_t slot) const {
  if (buffer_ == nullptr) return {};
  return layout_.Bind(part, buffer_->buffer(), static_cast<uint64_t>(slot) * layout_.total_bytes());
}

absl::Status StepInputs::Send(absl::Span<const StepBatch* const> pieces, Lane* lane) const {
  if (buffer_ == nullptr) return absl::OkStatus();
  uint64_t end = 0;
  for (size_t slot = 0; slot < pieces.size(); ++slot) {
    const uint64_t begin = slot * layout_.total_bytes();
    end = begin + layout_.Pack(*pieces[slot], buffer_->data() + begin);
  }
  return lane->ToDevice(*buffer_, end);
}

}  // namespace concord::exec
