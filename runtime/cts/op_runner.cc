#include "runtime/cts/op_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>

#include "runtime/base/border_type.h"

namespace concord::cts {
namespace {

constexpr uint64_t kGuardBytes = 256;
constexpr int kGuard = 0xA5;
constexpr int kNan = 0xFF;  // every f32, f16 and bf16 made of these bytes is a NaN

struct Tensor {
  std::string slot;
  bool is_output = false;
  int32_t role = CONCORD_ROLE_INPUT;
  uint32_t alias_of = CONCORD_NONE;  // index of the state input
  ops::TensorType type;
  std::vector<int64_t> dims;
  std::vector<std::byte> given;     // before the run
  std::vector<std::byte> expected;  // after the reference
  hal::Buffer buffer;               // with guards; unused for constants and aliases
  hal::Constant constant;

  ops::TensorView View(std::vector<std::byte>* bytes) const {
    return ops::TensorView(type.packing, dims, bytes->data());
  }
};

concord_string C(const std::string& text) { return {text.data(), text.size()}; }

// A program of one op and everything that it is bound to.
class OneOp {
 public:
  OneOp(const hal::Device& device, const ops::OpCase& c)
      : device_(device), case_(c), def_(*ops::FindOp(c.op)), signature_(def_) {}

  absl::Status Build();
  absl::Status RunReference();
  absl::StatusOr<hal::Support> Query() const { return device_.QueryOp(desc_, 0); }
  absl::Status RunDevice();
  CaseResult Compare();

 private:
  absl::Status AddInputs();
  absl::Status AddOutputs();
  void Describe();
  absl::Status Upload(uint32_t index);
  absl::Status GuardsIntact(const Tensor& t) const;
  absl::Status CompareTensor(Tensor& t, double* error) const;

  const hal::Device& device_;
  const ops::OpCase& case_;
  const ops::OpDef& def_;
  ops::Signature signature_;
  std::deque<Tensor> tensors_;  // inputs, then outputs: the index is the value's
  std::vector<uint32_t> inputs_, outputs_;
  std::vector<concord_value_desc> values_;
  std::vector<concord_attr> attrs_;
  std::deque<std::string> names_;
  concord_op_desc op_{};
  concord_program_desc desc_{};
  hal::Buffer workspace_;
  uint64_t workspace_bytes_ = 0;
};

absl::Status OneOp::AddInputs() {
  ops::CaseRng rng(case_.seed());
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

absl::Status OneOp::RunReference() {
  ops::RefArgs args(def_, case_.arithmetic);
  for (Tensor& t : tensors_) {
    t.expected = t.given;
    args.Set(t.slot, t.View(t.alias_of == CONCORD_NONE ? &t.expected : &tensors_[t.alias_of].expected));
  }
  def_.reference(def_.Complete(case_.attrs), args);
  return absl::OkStatus();
}

absl::Status OneOp::Upload(uint32_t index) {
  Tensor* t = &tensors_[index];
  const size_t size = t->given.size() - 1;
  if (t->role == CONCORD_ROLE_CONSTANT) {
    concord_constant_desc desc{};
    desc.type = values_[index].type;
    desc.name = C(t->slot);
    desc.rank = static_cast<uint32_t>(t->dims.size());
    for (size_t d = 0; d < t->dims.size(); ++d) desc.dims[d] = t->dims[d];
    desc.row_stride_bytes = static_cast<uint64_t>(t->View(&t->given).row_bytes());
    desc.host_data = t->given.data();
    desc.host_size_bytes = size;
    CONCORD_ASSIGN_OR_RETURN(t->constant, device_.CreateConstant(desc));
    return absl::OkStatus();
  }
  CONCORD_ASSIGN_OR_RETURN(t->buffer, device_.CreateBuffer(size + 2 * kGuardBytes));
  std::vector<char> bytes(size + 2 * kGuardBytes, static_cast<char>(kGuard));
  if (size > 0) std::memcpy(bytes.data() + kGuardBytes, t->given.data(), size);
  return t->buffer.Write(0, bytes);
}

absl::Status OneOp::RunDevice() {
  std::vector<concord_binding> constants, bindings;
  for (uint32_t i = 0; i < tensors_.size(); ++i) {
    Tensor& t = tensors_[i];
    if (t.alias_of != CONCORD_NONE) continue;
    CONCORD_RETURN_IF_ERROR(Upload(i));
    if (t.role == CONCORD_ROLE_CONSTANT) {
      constants.push_back(t.constant.Bind(i));
    } else {
      bindings.push_back(t.buffer.Bind(i, t.role, kGuardBytes, t.given.size() - 1));
    }
  }
  CONCORD_ASSIGN_OR_RETURN(const hal::Program program, device_.Compile(desc_));
  const std::vector<uint64_t> offsets(tensors_.size(), CONCORD_NO_OFFSET);
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared,
                           program.Prepare({.bindings = constants, .value_offsets = offsets, .planned_bytes = 0}));
  workspace_bytes_ = prepared.workspace_bytes();
  if (workspace_bytes_ > 0) {
    CONCORD_ASSIGN_OR_RETURN(workspace_, device_.CreateBuffer(workspace_bytes_ + 2 * kGuardBytes));
    std::vector<char> bytes(workspace_bytes_ + 2 * kGuardBytes, static_cast<char>(kGuard));
    std::memset(bytes.data() + kGuardBytes, kNan, workspace_bytes_);
    CONCORD_RETURN_IF_ERROR(workspace_.Write(0, bytes));
    bindings.push_back(workspace_.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE, kGuardBytes, workspace_bytes_));
  }
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore done, device_.CreateSemaphore());
  const concord_point signal = done.At(1);
  CONCORD_RETURN_IF_ERROR(device_.Submit({.prepared = &prepared, .bindings = bindings, .signals = {&signal, 1}}));
  return done.Wait(1, absl::Seconds(60));
}

absl::Status OneOp::GuardsIntact(const Tensor& t) const {
  const size_t size = t.given.size() - 1;
  std::vector<char> bytes(size + 2 * kGuardBytes);
  CONCORD_RETURN_IF_ERROR(t.buffer.Read(0, absl::MakeSpan(bytes)));
  for (uint64_t i = 0; i < kGuardBytes; ++i) {
    if (static_cast<uint8_t>(bytes[i]) != kGuard) {
      return absl::DataLossError(absl::StrCat(t.slot, ": wrote ", kGuardBytes - i, " bytes before its beginning"));
    }
    if (static_cast<uint8_t>(bytes[kGuardBytes + size + i]) != kGuard) {
      return absl::DataLossError(absl::StrCat(t.slot, ": wrote byte ", i, " past its end"));
    }
  }
  return absl::OkStatus();
}

absl::Status OneOp::CompareTensor(Tensor& t, double* error) const {
  const Tensor& home = t.alias_of == CONCORD_NONE ? t : tensors_[t.alias_of];
  CONCORD_RETURN_IF_ERROR(GuardsIntact(home));
  std::vector<std::byte> got_bytes(home.given.size());
  CONCORD_RETURN_IF_ERROR(
      home.buffer.Read(kGuardBytes, {reinterpret_cast<char*>(got_bytes.data()), got_bytes.size() - 1}));
  if (!t.is_output) {
    const bool changed = std::memcmp(got_bytes.data(), t.given.data(), t.given.size() - 1) != 0;
    return changed ? absl::DataLossError(absl::StrCat("the input ", t.slot, " was changed")) : absl::OkStatus();
  }
  std::vector<std::byte> want_bytes = home.expected;
  const ops::TensorView got = t.View(&got_bytes), want = t.View(&want_bytes);
  double largest = 0;
  for (int64_t r = 0; r < want.rows(); ++r) {
    for (double v : want.Row(r)) largest = std::max(largest, std::fabs(v));
  }
  const double tolerance = def_.tolerance(case_);
  for (int64_t r = 0; r < want.rows(); ++r) {
    const std::vector<double> g = got.Row(r), w = want.Row(r);
    for (int64_t i = 0; i < want.cols(); ++i) {
      const double off = std::fabs(g[i] - w[i]);
      if (largest > 0 && off <= tolerance * largest) {
        *error = std::max(*error, off / largest);
      } else if (!(off <= 0)) {  // NaN too
        return absl::DataLossError(absl::StrCat(t.slot, " row ", r, " element ", i, " is ", g[i], ", want ", w[i],
                                                " ± ", tolerance * largest));
      }
    }
  }
  return absl::OkStatus();
}

CaseResult OneOp::Compare() {
  CaseResult result;
  result.tolerance = def_.tolerance(case_);
  for (Tensor& t : tensors_) {
    if (t.role == CONCORD_ROLE_CONSTANT ||
        (t.role == CONCORD_ROLE_STATE && !t.is_output && !def_.outputs[0].alias_of.empty()))
      continue;
    const absl::Status status = CompareTensor(t, &result.error);
    if (!status.ok()) {
      result.detail = std::string(status.message());
      return result;
    }
  }
  if (workspace_bytes_ > 0) {
    std::vector<char> guards(kGuardBytes);
    for (uint64_t at : {uint64_t{0}, kGuardBytes + workspace_bytes_}) {
      if (!workspace_.Read(at, absl::MakeSpan(guards)).ok()) continue;
      for (char c : guards) {
        if (static_cast<uint8_t>(c) == kGuard) continue;
        result.detail = absl::StrCat("wrote outside the workspace of ", workspace_bytes_, " bytes");
        return result;
      }
    }
  }
  result.outcome = Outcome::kPassed;
  return result;
}

CaseResult Failed(const absl::Status& status) { return {Outcome::kFailed, status.ToString(), 0, 0}; }

}  // namespace

CaseResult RunOpCase(const hal::Device& device, const ops::OpCase& c) {
  OneOp run(device, c);
  if (const absl::Status status = run.Build(); !status.ok()) return Failed(status);
  const absl::StatusOr<hal::Support> support = run.Query();
  if (!support.ok()) return Failed(support.status());
  if (!support->ok()) {
    if (support->reason.empty()) return Failed(absl::InternalError("refused without a reason"));
    return {Outcome::kRefused, support->reason, 0, 0};
  }
  if (const absl::Status status = run.RunReference(); !status.ok()) return Failed(status);
  if (const absl::Status status = run.RunDevice(); !status.ok()) return Failed(status);
  return run.Compare();
}

}  // namespace concord::cts
