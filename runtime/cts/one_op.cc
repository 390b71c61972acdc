#include "runtime/cts/one_op.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "ops/core/compare.h"
#include "runtime/base/border_type.h"

namespace concord::cts {
namespace {

constexpr uint64_t kGuardBytes = 256;
constexpr int kGuard = 0xA5;
constexpr int kNan = 0xFF;  // every f32, f16 and bf16 made of these bytes is a NaN

concord_string C(const std::string& text) { return {text.data(), text.size()}; }

}  // namespace

OneOp::OneOp(const hal::Device& device, const ops::OpCase& c, uint64_t seed)
    : device_(device), case_(c), def_(*ops::FindOp(c.op)), seed_(seed), signature_(def_) {}

absl::Status OneOp::AddInputs() {
  ops::CaseRng rng(case_.seed() + seed_);
  for (const ops::Slot& slot : def_.inputs) {
    const ops::CaseTensor* given = case_.Find(slot.name);
    if (given == nullptr) {
      inputs_.push_back(CONCORD_NONE);
      continue;
    }
    inputs_.push_back(static_cast<uint32_t>(tensors_.size()));
    Tensor& t = tensors_.emplace_back();
    t.slot = slot.name;
    t.role = slot.weight ? CONCORD_ROLE_CONSTANT : slot.state ? CONCORD_ROLE_STATE : CONCORD_ROLE_INPUT;
    t.dims = given->dims;
    t.type.packing = packing::Find(given->packing.c_str());
    if (t.type.packing == nullptr) return absl::InvalidArgumentError(absl::StrCat("no packing ", given->packing));
    t.type.dims.assign(t.dims.begin(), t.dims.end());
    t.type.layout = slot.state ? case_.layout : "";
    if (t.type.layout == exec::kNeutralLayout && exec::KeepsOwnLayout(device_)) {
      t.own_layout = {t.type.packing, t.dims[1], t.dims[2], t.dims[3]};
    }
    signature_.SetIn(slot.name, t.type);
  }
  // Filled in the order of the case, whose author decides what is drawn first.
  for (const ops::CaseTensor& given : case_.inputs) {
    for (Tensor& t : tensors_) {
      if (t.slot != given.slot) continue;
      t.given.resize(t.View(&t.given).size_bytes() + 1);
      given.fill(rng, t.View(&t.given));
    }
  }
  return absl::OkStatus();
}

absl::Status OneOp::AddOutputs() {
  CONCORD_RETURN_IF_ERROR(def_.infer(def_.Complete(case_.attrs), signature_));
  for (const ops::Slot& slot : def_.outputs) {
    outputs_.push_back(static_cast<uint32_t>(tensors_.size()));
    Tensor& t = tensors_.emplace_back();
    t.slot = slot.name;
    t.is_output = true;
    t.type = signature_.Out(slot.name);
    for (const ops::Dim& d : t.type.dims) t.dims.push_back(d.value);
    t.role = slot.state ? CONCORD_ROLE_STATE : CONCORD_ROLE_OUTPUT;
    t.given.assign(t.View(&t.given).size_bytes() + 1, std::byte{kNan});
    for (uint32_t i = 0; i < def_.inputs.size(); ++i) {
      if (!slot.alias_of.empty() && def_.inputs[i].name == slot.alias_of) t.alias_of = inputs_[i];
    }
  }
  return absl::OkStatus();
}

void OneOp::Describe() {
  for (uint32_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& t = tensors_[i];
    concord_value_desc v{};
    v.type = BorderType(*t.type.packing);
    v.layout = C(t.type.layout);
    v.name = C(t.slot);
    v.rank = static_cast<uint32_t>(t.dims.size());
    for (size_t d = 0; d < t.dims.size(); ++d) v.dims[d] = {t.dims[d], CONCORD_NONE, 0};
    v.role = t.role;
    v.slot = i;
    v.alias_of = t.alias_of;
    values_.push_back(v);
  }
  for (const auto& [key, value] : case_.attrs.values()) {
    concord_attr a{};
    a.key = C(names_.emplace_back(key));
    if (auto* s = std::get_if<std::string>(&value)) {
      a.kind = CONCORD_ATTR_STRING, a.s = C(*s);
    } else if (auto* f = std::get_if<double>(&value)) {
      a.kind = CONCORD_ATTR_FLOAT, a.f = *f;
    } else {
      a.kind = CONCORD_ATTR_INT, a.i = std::get<int64_t>(value);
    }
    attrs_.push_back(a);
  }
  op_.name = C(def_.name);
  op_.scope = C(case_.name);
  op_.arithmetic = C(case_.arithmetic);
  op_.version = static_cast<uint32_t>(def_.version);
  op_.inputs = {inputs_.data(), static_cast<uint32_t>(inputs_.size()), sizeof(uint32_t)};
  op_.outputs = {outputs_.data(), static_cast<uint32_t>(outputs_.size()), sizeof(uint32_t)};
  op_.attrs = {attrs_.data(), static_cast<uint32_t>(attrs_.size()), sizeof(concord_attr)};
  desc_.struct_size = sizeof desc_;
  desc_.name = C(case_.op);
  desc_.values = {values_.data(), static_cast<uint32_t>(values_.size()), sizeof(concord_value_desc)};
  desc_.ops = {&op_, 1, sizeof op_};
}

absl::Status OneOp::Build() {
  CONCORD_RETURN_IF_ERROR(AddInputs());
  CONCORD_RETURN_IF_ERROR(AddOutputs());
  Describe();
  return absl::OkStatus();
}

absl::StatusOr<hal::Support> OneOp::Query() const {
  CONCORD_ASSIGN_OR_RETURN(hal::Support support, device_.QueryOp(desc_, 0));
  for (const Tensor& t : tensors_) {
    if (!support.ok() || t.own_layout.packing == nullptr) continue;
    const absl::Status status = exec::AskForStateMoves(device_, t.own_layout);
    if (status.ok()) continue;
    if (!absl::IsUnimplemented(status)) return status;
    support = {.level = CONCORD_SUPPORT_NO,
               .reason = absl::StrCat(t.slot, " lies as '", device_.info().kv_layout,
                                      "', which nobody can check: ", status.message())};
  }
  return support;
}

absl::Status OneOp::RunReference() {
  ops::RefArgs args(def_, case_.arithmetic);
  for (Tensor& t : tensors_) {
    t.expected = t.given;
    args.Set(t.slot, t.View(t.alias_of == CONCORD_NONE ? &t.expected : &tensors_[t.alias_of].expected));
  }
  def_.reference(def_.Complete(case_.attrs), args);
  return absl::OkStatus();
}

absl::Status OneOp::CreateConstant(uint32_t index) {
  Tensor* t = &tensors_[index];
  concord_constant_desc desc{};
  desc.type = values_[index].type;
  desc.name = C(t->slot);
  desc.rank = static_cast<uint32_t>(t->dims.size());
  for (size_t d = 0; d < t->dims.size(); ++d) desc.dims[d] = t->dims[d];
  desc.row_stride_bytes = static_cast<uint64_t>(t->View(&t->given).row_bytes());
  desc.host_data = t->given.data();
  desc.host_size_bytes = t->size_bytes();
  CONCORD_ASSIGN_OR_RETURN(t->constant, device_.CreateConstant(desc));
  return absl::OkStatus();
}

absl::Status OneOp::Upload(uint32_t index) {
  Tensor* t = &tensors_[index];
  if (t->role == CONCORD_ROLE_CONSTANT) return CreateConstant(index);
  const size_t size = t->size_bytes();
  const bool own_layout = t->own_layout.packing != nullptr;
  // Whole blocks of a state and whole guards: where it begins has to be a multiple of both.
  t->front_bytes = own_layout ? std::lcm(kGuardBytes, static_cast<uint64_t>(t->own_layout.bytes())) : kGuardBytes;
  CONCORD_ASSIGN_OR_RETURN(t->buffer, device_.CreateBuffer(t->front_bytes + size + kGuardBytes));
  std::vector<char> bytes(t->buffer.size_bytes(), static_cast<char>(kGuard));
  if (size > 0) std::memcpy(bytes.data() + t->front_bytes, t->given.data(), size);
  CONCORD_RETURN_IF_ERROR(t->buffer.Write(0, bytes));
  if (!own_layout) return absl::OkStatus();
  return exec::WriteState(t->buffer, t->front_bytes, t->own_layout, {bytes.data() + t->front_bytes, size});
}

absl::Status OneOp::ReadTensor(const Tensor& t, absl::Span<char> bytes) const {
  return t.own_layout.packing != nullptr ? exec::ReadState(t.buffer, t.front_bytes, t.own_layout, bytes)
                                         : t.buffer.Read(t.front_bytes, bytes);
}

absl::Status OneOp::MakeWorkspace() {
  workspace_bytes_ = prepared_.workspace_bytes();
  if (workspace_bytes_ == 0) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(workspace_, device_.CreateBuffer(workspace_bytes_ + 2 * kGuardBytes));
  std::vector<char> bytes(workspace_bytes_ + 2 * kGuardBytes, static_cast<char>(kGuard));
  std::memset(bytes.data() + kGuardBytes, kNan, workspace_bytes_);
  CONCORD_RETURN_IF_ERROR(workspace_.Write(0, bytes));
  bindings_.push_back(workspace_.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE, kGuardBytes, workspace_bytes_));
  return absl::OkStatus();
}

absl::Status OneOp::Load() {
  std::vector<concord_binding> constants;
  for (uint32_t i = 0; i < tensors_.size(); ++i) {
    Tensor& t = tensors_[i];
    if (t.alias_of != CONCORD_NONE) continue;
    CONCORD_RETURN_IF_ERROR(Upload(i));
    if (t.role == CONCORD_ROLE_CONSTANT) {
      constants.push_back(t.constant.Bind(i));
    } else {
      bindings_.push_back(t.buffer.Bind(i, t.role, t.front_bytes, t.size_bytes()));
    }
  }
  CONCORD_ASSIGN_OR_RETURN(const hal::Program program, device_.Compile(desc_));
  const std::vector<uint64_t> offsets(tensors_.size(), CONCORD_NO_OFFSET);
  CONCORD_ASSIGN_OR_RETURN(prepared_,
                           program.Prepare({.bindings = constants, .value_offsets = offsets, .planned_bytes = 0}));
  return MakeWorkspace();
}

absl::Status OneOp::Submit(absl::Span<const concord_point> waits, absl::Span<const concord_point> signals,
                           uint32_t queue_index) const {
  return device_.Submit(
      {.prepared = &prepared_, .bindings = bindings_, .waits = waits, .signals = signals, .queue_index = queue_index});
}

absl::Status OneOp::RunDevice() {
  CONCORD_RETURN_IF_ERROR(Load());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore done, device_.CreateSemaphore());
  const concord_point signal = done.At(1);
  CONCORD_RETURN_IF_ERROR(Submit({}, {&signal, 1}));
  return done.Wait(1, absl::Seconds(60));
}

absl::Status OneOp::GuardsIntact(const Tensor& t) const {
  std::vector<char> bytes(t.buffer.size_bytes());
  CONCORD_RETURN_IF_ERROR(t.buffer.Read(0, absl::MakeSpan(bytes)));
  const uint64_t end = t.front_bytes + t.size_bytes();
  for (uint64_t i = 0; i < bytes.size(); ++i) {
    if ((i >= t.front_bytes && i < end) || static_cast<uint8_t>(bytes[i]) == kGuard) continue;
    return absl::DataLossError(i < end
                                   ? absl::StrCat(t.slot, ": wrote ", t.front_bytes - i, " bytes before its beginning")
                                   : absl::StrCat(t.slot, ": wrote byte ", i - end, " past its end"));
  }
  return absl::OkStatus();
}

absl::Status OneOp::CompareValues(const Tensor& t, std::vector<std::byte> got_bytes, double* error) const {
  std::vector<std::byte> want_bytes = t.alias_of == CONCORD_NONE ? t.expected : tensors_[t.alias_of].expected;
  const ops::Comparison result =
      ops::Compare(t.View(&got_bytes).Elements(), t.View(&want_bytes).Elements(), def_.tolerance(case_), {},
                   [&](int64_t at) { return ops::IndexText(t.dims, at); });
  *error = std::max(*error, result.error);
  if (result.ok()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(t.slot, ": ", result.n_wrong, " of ", t.View(&want_bytes).elems(),
                                          " elements are wrong; the first:", result.first));
}

absl::Status OneOp::CompareTensor(const Tensor& t, double* error) const {
  const Tensor& home = t.alias_of == CONCORD_NONE ? t : tensors_[t.alias_of];
  CONCORD_RETURN_IF_ERROR(GuardsIntact(home));
  std::vector<std::byte> got(home.given.size());
  CONCORD_RETURN_IF_ERROR(ReadTensor(home, {reinterpret_cast<char*>(got.data()), home.size_bytes()}));
  if (t.is_output) return CompareValues(t, std::move(got), error);
  const bool changed = std::memcmp(got.data(), t.given.data(), t.size_bytes()) != 0;
  return changed ? absl::DataLossError(absl::StrCat("the input ", t.slot, " was changed")) : absl::OkStatus();
}

absl::Status OneOp::WorkspaceIntact() const {
  if (workspace_bytes_ == 0) return absl::OkStatus();
  std::vector<char> guards(kGuardBytes);
  for (uint64_t at : {uint64_t{0}, kGuardBytes + workspace_bytes_}) {
    CONCORD_RETURN_IF_ERROR(workspace_.Read(at, absl::MakeSpan(guards)));
    for (char c : guards) {
      if (static_cast<uint8_t>(c) == kGuard) continue;
      return absl::DataLossError(absl::StrCat("wrote outside the workspace of ", workspace_bytes_, " bytes"));
    }
  }
  return absl::OkStatus();
}

CaseResult OneOp::Compare() {
  CaseResult result;
  result.tolerance = def_.tolerance(case_);
  absl::Status status;
  for (const Tensor& t : tensors_) {
    if (t.role == CONCORD_ROLE_CONSTANT ||
        (t.role == CONCORD_ROLE_STATE && !t.is_output && !def_.outputs[0].alias_of.empty()))
      continue;
    status.Update(CompareTensor(t, &result.error));
  }
  status.Update(WorkspaceIntact());
  result.outcome = status.ok() ? Outcome::kPassed : Outcome::kFailed;
  result.detail = std::string(status.message());
  return result;
}

absl::StatusOr<std::string> OneOp::OutputBytes() const {
  std::string bytes;
  for (const Tensor& t : tensors_) {
    if (!t.is_output) continue;
    const Tensor& home = t.alias_of == CONCORD_NONE ? t : tensors_[t.alias_of];
    std::string part(home.size_bytes(), '\0');
    CONCORD_RETURN_IF_ERROR(ReadTensor(home, absl::MakeSpan(part)));
    bytes += part;
  }
  return bytes;
}

int64_t OneOp::tensor_bytes() const {
  int64_t bytes = 0;
  for (const Tensor& t : tensors_) bytes += static_cast<int64_t>(t.size_bytes());
  return bytes;
}

}  // namespace concord::cts
