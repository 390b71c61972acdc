#include "runtime/hal/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/intern.h"
#include "runtime/hal/device_trace.h"
#include "runtime/hal/import.h"
#include "runtime/hal/staging.h"
#include "runtime/hal/status.h"

namespace concord::hal {
namespace {

absl::string_view View(concord_string text) {
  return text.data == nullptr ? absl::string_view() : absl::string_view(text.data, text.size_bytes);
}

template <typename T>
absl::Status CheckMade(int32_t code, const concord_error& error, const T* handle, const std::string& where) {
  if (code != CONCORD_OK) return ToStatus(code, error, where);
  return handle != nullptr ? absl::OkStatus() : absl::InternalError(absl::StrCat(where, ": the plugin made nothing"));
}

}  // namespace

Device::Device(std::shared_ptr<Instance> instance, DeviceInfo info, concord_device* handle)
    : instance_(std::move(instance)),
      info_(std::move(info)),
      handle_(handle),
      staging_(std::make_unique<Staging>(*this)),
      trace_name_(tracer() == nullptr ? nullptr : Intern(id())) {
  BeginTrace();
}

Device::~Device() {
  staging_.reset();
  trace_.reset();
  concord_error error = NoError();
  const absl::Status status = ToStatus(api().device_close(handle_, &error), error, Where("close"));
  if (!status.ok()) instance_->host().Log(LogLevel::kError, status.message());
}

void Device::BeginTrace() {
  if (tracer() == nullptr) return;
  const auto* api = static_cast<const concord_trace_api*>(instance_->GetExtension(CONCORD_TRACE_EXTENSION));
  if (api == nullptr) return;
  absl::StatusOr<std::unique_ptr<DeviceTrace>> trace =
      DeviceTrace::Begin(api, handle_, id(), tracer(), instance_->host().log());
  if (trace.ok()) {
    trace_ = *std::move(trace);
  } else {
    instance_->host().Log(LogLevel::kWarning,
                          absl::StrCat(trace.status().message(), "; the trace misses what this device does"));
  }
}

absl::Status Device::Missing(absl::string_view what) const {
  return absl::UnimplementedError(absl::StrCat(info_.id, ": the plugin has no ", what));
}

absl::StatusOr<concord_memory_stats> Device::MemoryStats() const {
  if (api().device_memory_stats == nullptr) return Missing("device_memory_stats");
  concord_error error = NoError();
  concord_memory_stats stats = Sized<concord_memory_stats>();
  CONCORD_RETURN_IF_ERROR(ToStatus(api().device_memory_stats(handle_, &stats, &error), error, Where("memory stats")));
  return stats;
}

uint64_t Device::Fingerprint() const {
  return api().device_fingerprint == nullptr ? 0 : api().device_fingerprint(handle_);
}

absl::StatusOr<Buffer> Device::CreateBuffer(uint64_t size_bytes, int32_t usage, uint64_t align_bytes) const {
  return MakeBuffer(shared_from_this(), size_bytes, usage, align_bytes);
}

absl::StatusOr<Buffer> Device::MakeBuffer(std::shared_ptr<const Device> keeper, uint64_t size_bytes, int32_t usage,
                                          uint64_t align_bytes) const {
  concord_buffer_desc desc = Sized<concord_buffer_desc>();
  desc.usage = usage;
  desc.size_bytes = size_bytes;
  desc.align_bytes = align_bytes;
  concord_error error = NoError();
  concord_buffer* buffer = nullptr;
  const int32_t code = api().buffer_create(handle_, &desc, &buffer, &error);
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, buffer, Where(absl::StrCat("buffer of ", size_bytes, " bytes"))));
  const bool host_visible = usage == CONCORD_BUFFER_STAGING || info_.has(CONCORD_DEVICE_HOST_MEMORY);
  return Buffer(std::move(keeper), &api(), buffer, size_bytes, host_visible);
}

absl::StatusOr<Buffer> Device::ImportHost(void* memory, uint64_t size_bytes) const {
  if (api().buffer_import_host == nullptr) return Missing("buffer_import_host");
  concord_error error = NoError();
  concord_buffer* buffer = nullptr;
  const int32_t code = api().buffer_import_host(handle_, memory, size_bytes, &buffer, &error);
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, buffer, Where("import of host memory")));
  return Buffer(shared_from_this(), &api(), buffer, size_bytes, info_.has(CONCORD_DEVICE_HOST_MEMORY));
}

void Device::ReleaseStaging() const { staging_->Trim(); }

absl::StatusOr<Semaphore> Device::CreateSemaphore(uint64_t initial_value) const {
  return MakeSemaphore(shared_from_this(), initial_value);
}

absl::StatusOr<Semaphore> Device::MakeSemaphore(std::shared_ptr<const Device> keeper, uint64_t initial_value) const {
  concord_error error = NoError();
  concord_semaphore* semaphore = nullptr;
  const int32_t code = api().semaphore_create(handle_, initial_value, &semaphore, &error);
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, semaphore, Where("semaphore")));
  return Semaphore(std::move(keeper), &api(), semaphore);
}

absl::StatusOr<Constant> Device::CreateConstant(concord_constant_desc desc) const {
  desc.struct_size = sizeof(desc);
  concord_error error = NoError();
  concord_constant* constant = nullptr;
  const int32_t code = api().constant_create(handle_, &desc, &constant, &error);
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, constant, Where(absl::StrCat("constant '", View(desc.name), "'"))));
  return Constant(shared_from_this(), &api(), constant);
}

absl::StatusOr<Support> Device::QueryOp(const concord_program_desc& program, uint32_t op_index) const {
  concord_support answer = Sized<concord_support>();
  concord_error error = NoError();
  const int32_t code = api().program_query_op(handle_, &program, op_index, &answer, &error);
  CONCORD_RETURN_IF_ERROR(ToStatus(code, error, Where(absl::StrCat("query of", OpLabel(program, op_index)))));
  const bool known = answer.level >= CONCORD_SUPPORT_NO && answer.level <= CONCORD_SUPPORT_FAST;
  return Support{known ? answer.level : CONCORD_SUPPORT_NO,
                 std::string(answer.reason, strnlen(answer.reason, sizeof(answer.reason)))};
}

absl::StatusOr<Program> Device::Compile(const concord_program_desc& desc) const {
  const Scope scope(*this, "compile");
  concord_error error = NoError();
  concord_program* program = nullptr;
  const int32_t code = api().program_compile(handle_, &desc, &program, &error);
  const std::string where =
      code == CONCORD_OK ? Where("compile")
                         : Where(absl::StrCat("compile of '", View(desc.name), "'", OpLabel(desc, error.op_index)));
  error.op_index = CONCORD_NONE;
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, program, where));
  return MakeProgram(desc, program);
}

absl::StatusOr<Program> Device::Deserialize(const concord_program_desc& desc, absl::string_view artefact) const {
  if (api().program_deserialize == nullptr) return Missing("program_deserialize");
  concord_error error = NoError();
  concord_program* program = nullptr;
  const int32_t code = api().program_deserialize(handle_, &desc, artefact.data(), artefact.size(), &program, &error);
  CONCORD_RETURN_IF_ERROR(CheckMade(code, error, program, Where("deserialize")));
  return MakeProgram(desc, program);
}

Program Device::MakeProgram(const concord_program_desc& desc, concord_program* program) const {
  return Program(shared_from_this(), &api(), program, std::string(View(desc.name)),
                 trace_ == nullptr ? nullptr : ProgramNames::Of(desc));
}

absl::Status Device::Submit(const SubmitArgs& args) const {
  const Scope scope(*this, "submit");
  concord_submit_args theirs = Sized<concord_submit_args>();
  theirs.queue_index = args.queue_index;
  theirs.prepared = args.prepared == nullptr ? nullptr : args.prepared->get();
  theirs.values = ArrayOf(args.values);
  theirs.bindings = ArrayOf(args.bindings);
  theirs.waits = ArrayOf(args.waits);
  theirs.signals = ArrayOf(args.signals);
  concord_error error = NoError();
  std::lock_guard<std::mutex> lock(queue_mutex_);
  const int32_t code = api().queue_submit(handle_, &theirs, &error);
  if (code == CONCORD_OK) return absl::OkStatus();
  return ToStatus(code, error, Where(absl::StrCat("submit of '", theirs.prepared ? args.prepared->name() : "", "'")));
}

absl::Status Device::Copy(const CopyArgs& args) const {
  const Scope scope(*this, "submit copy", args.size_bytes);
  concord_copy_args theirs = Sized<concord_copy_args>();
  theirs.queue_index = args.queue_index;
  theirs.source = args.source == nullptr ? nullptr : args.source->get();
  theirs.target = args.target == nullptr ? nullptr : args.target->get();
  theirs.source_offset_bytes = args.source_offset_bytes;
  theirs.target_offset_bytes = args.target_offset_bytes;
  theirs.size_bytes = args.size_bytes;
  theirs.waits = ArrayOf(args.waits);
  theirs.signals = ArrayOf(args.signals);
  concord_error error = NoError();
  std::lock_guard<std::mutex> lock(queue_mutex_);
  const int32_t code = api().queue_copy(handle_, &theirs, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, Where("copy"));
}

absl::Status Device::Fill(const FillArgs& args) const {
  concord_fill_args theirs = Sized<concord_fill_args>();
  theirs.queue_index = args.queue_index;
  theirs.target = args.target == nullptr ? nullptr : args.target->get();
  theirs.offset_bytes = args.offset_bytes;
  theirs.size_bytes = args.size_bytes;
  theirs.pattern = args.pattern;
  theirs.waits = ArrayOf(args.waits);
  theirs.signals = ArrayOf(args.signals);
  concord_error error = NoError();
  std::lock_guard<std::mutex> lock(queue_mutex_);
  const int32_t code = api().queue_fill(handle_, &theirs, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, Where("fill"));
}

absl::Status Device::ExportState(const StateArgs& args) const {
  return MoveState(args, "state export", api().queue_export_state);
}

absl::Status Device::ImportState(const StateArgs& args) const {
  return MoveState(args, "state import", api().queue_import_state);
}

absl::Status Device::MoveState(const StateArgs& args, const char* verb,
                               decltype(concord_plugin_api::queue_export_state) call) const {
  if (call == nullptr) return Missing(verb);
  const Scope scope(*this, verb);
  concord_state_args theirs = Sized<concord_state_args>();
  theirs.queue_index = args.queue_index;
  theirs.state = args.state == nullptr ? nullptr : args.state->get();
  theirs.rows = args.rows == nullptr ? nullptr : args.rows->get();
  theirs.state_offset_bytes = args.state_offset_bytes;
  theirs.rows_offset_bytes = args.rows_offset_bytes;
  theirs.n_blocks = args.n_blocks;
  theirs.n_kv_heads = args.n_kv_heads;
  theirs.block_tokens = args.block_tokens;
  theirs.d_head = args.d_head;
  theirs.type = args.type;
  theirs.waits = ArrayOf(args.waits);
  theirs.signals = ArrayOf(args.signals);
  concord_error error = NoError();
  std::lock_guard<std::mutex> lock(queue_mutex_);
  const int32_t code = call(handle_, &theirs, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, Where(verb));
}

absl::Status Device::Barrier(absl::Span<const concord_point> waits, absl::Span<const concord_point> signals,
                             uint32_t queue_index) const {
  concord_barrier_args theirs = Sized<concord_barrier_args>();
  theirs.queue_index = queue_index;
  theirs.waits = ArrayOf(waits);
  theirs.signals = ArrayOf(signals);
  concord_error error = NoError();
  std::lock_guard<std::mutex> lock(queue_mutex_);
  const int32_t code = api().queue_barrier(handle_, &theirs, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, Where("barrier"));
}

}  // namespace concord::hal
