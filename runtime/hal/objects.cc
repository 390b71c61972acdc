// Buffer, Semaphore, Constant, Program: thin calls through the table.
#include <cstring>
#include <utility>

#include "runtime/hal/device.h"
#include "runtime/hal/device_trace.h"
#include "runtime/hal/import.h"
#include "runtime/hal/staging.h"
#include "runtime/hal/status.h"

namespace concord::hal {
absl::StatusOr<void*> Buffer::Map(uint32_t access, uint64_t offset_bytes, uint64_t size_bytes) const {
  concord_error error = NoError();
  void* address = nullptr;
  const uint64_t size = Size(offset_bytes, size_bytes);
  const int32_t code = api().buffer_map(get(), offset_bytes, size, access, &address, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, absl::StrCat(device().id(), ": map"));
  return address;
}

void Buffer::Unmap() const { api().buffer_unmap(get()); }

absl::Status Buffer::Flush(uint64_t offset_bytes, uint64_t size_bytes) const {
  if (api().buffer_flush_range == nullptr) return absl::OkStatus();
  concord_error error = NoError();
  const int32_t code = api().buffer_flush_range(get(), offset_bytes, Size(offset_bytes, size_bytes), &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, absl::StrCat(device().id(), ": flush"));
}

absl::Status Buffer::CheckRange(uint64_t offset_bytes, uint64_t size_bytes) const {
  if (offset_bytes <= size_bytes_ && size_bytes <= size_bytes_ - offset_bytes) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat(device().id(), ": bytes ", offset_bytes, " + ", size_bytes, " of a buffer of ", size_bytes_));
}

absl::Status Buffer::Write(uint64_t offset_bytes, absl::Span<const char> bytes) const {
  if (!host_visible_) {
    CONCORD_RETURN_IF_ERROR(CheckRange(offset_bytes, bytes.size()));
    return device().staging().Write(*this, offset_bytes, bytes);
  }
  CONCORD_ASSIGN_OR_RETURN(void* address, Map(CONCORD_MAP_WRITE, offset_bytes, bytes.size()));
  if (!bytes.empty()) std::memcpy(address, bytes.data(), bytes.size());
  const absl::Status status = Flush(offset_bytes, bytes.size());
  Unmap();
  return status;
}

absl::Status Buffer::Read(uint64_t offset_bytes, absl::Span<char> bytes) const {
  if (!host_visible_) {
    CONCORD_RETURN_IF_ERROR(CheckRange(offset_bytes, bytes.size()));
    return device().staging().Read(*this, offset_bytes, bytes);
  }
  CONCORD_ASSIGN_OR_RETURN(void* address, Map(CONCORD_MAP_READ, offset_bytes, bytes.size()));
  const absl::Status status = Flush(offset_bytes, bytes.size());
  if (status.ok() && !bytes.empty()) std::memcpy(bytes.data(), address, bytes.size());
  Unmap();
  return status;
}

concord_binding Buffer::Bind(uint32_t slot, int32_t role, uint64_t offset_bytes, uint64_t size_bytes) const {
  return {slot, role, get(), nullptr, offset_bytes, Size(offset_bytes, size_bytes)};
}

absl::StatusOr<uint64_t> Semaphore::Query() const {
  concord_error error = NoError();
  uint64_t value = 0;
  const int32_t code = api().semaphore_query(get(), &value, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, device().id());
  return value;
}

absl::Status Semaphore::Signal(uint64_t value) const {
  concord_error error = NoError();
  const int32_t code = api().semaphore_signal(get(), value, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, device().id());
}

void Semaphore::Fail(const absl::Status& reason) const {
  const concord_error error = ToError(reason);
  api().semaphore_fail(get(), &error);
}

absl::Status Semaphore::Wait(uint64_t value, absl::Duration timeout) const {
  const Device::Scope scope(device(), "wait");
  concord_error error = NoError();
  uint64_t timeout_ns = CONCORD_WAIT_FOREVER;
  if (timeout < absl::Hours(24 * 365)) {
    timeout_ns = timeout <= absl::ZeroDuration() ? 0 : static_cast<uint64_t>(absl::ToInt64Nanoseconds(timeout));
  }
  const int32_t code = api().semaphore_wait(get(), value, timeout_ns, &error);
  return code == CONCORD_OK ? absl::OkStatus() : ToStatus(code, error, device().id());
}

absl::StatusOr<Constant::Blob> Constant::Export() const {
  if (api().constant_export == nullptr) return Blob{};
  concord_error error = NoError();
  concord_constant_blob blob = Sized<concord_constant_blob>();
  const int32_t code = api().constant_export(get(), &blob, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, absl::StrCat(device().id(), ": constant export"));
  return Blob{absl::string_view(static_cast<const char*>(blob.data), blob.size_bytes), blob.key};
}

Program::Program(std::shared_ptr<const Device> device, const concord_plugin_api* api, concord_program* handle,
                 std::string name, std::shared_ptr<const ProgramNames> op_names)
    : program_(std::make_shared<Prepared::ProgramHandle>(std::move(device), api, handle)),
      name_(std::make_shared<const std::string>(std::move(name))),
      op_names_(std::move(op_names)),
      api_(api) {}

absl::StatusOr<Prepared> Program::Prepare(const PrepareArgs& args) const {
  const Device& device = program_->device();
  const Device::Scope scope(device, "prepare");
  concord_prepare_args theirs = Sized<concord_prepare_args>();
  theirs.capacities = ArrayOf(args.capacities);
  theirs.bindings = ArrayOf(args.bindings);
  theirs.value_offsets = ArrayOf(args.value_offsets);
  theirs.planned_bytes = args.planned_bytes;
  concord_prepare_result result = Sized<concord_prepare_result>();
  concord_error error = NoError();
  concord_prepared* handle = nullptr;
  const int32_t code = api_->program_prepare(get(), &theirs, &handle, &result, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, absl::StrCat(device.id(), ": prepare of '", name(), "'"));
  if (handle == nullptr) return absl::InternalError(absl::StrCat(device.id(), ": prepare made nothing"));
  if (op_names_ != nullptr) device.trace_->AddPrepared(handle, op_names_);
  Prepared prepared;
  prepared.program_ = program_;
  prepared.name_ = name_;
  prepared.handle_ = {device.shared_from_this(), api_, handle};
  prepared.workspace_bytes_ = result.workspace_bytes;
  prepared.workspace_align_bytes_ = result.workspace_align_bytes == 0 ? 1 : result.workspace_align_bytes;
  return prepared;
}

absl::StatusOr<std::string> Program::Serialize() const {
  const std::string where = absl::StrCat(program_->device().id(), ": serialize of '", name(), "'");
  if (api_->program_serialize == nullptr) return absl::UnimplementedError(absl::StrCat(where, ": the plugin cannot"));
  concord_error error = NoError();
  uint64_t size = 0;
  int32_t code = api_->program_serialize(get(), nullptr, &size, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, where);
  std::string artefact;
  try {
    artefact.resize(size);
  } catch (const std::exception&) {
    return absl::ResourceExhaustedError(absl::StrCat(where, ": no memory for ", size, " bytes"));
  }
  code = api_->program_serialize(get(), artefact.data(), &size, &error);
  if (code != CONCORD_OK) return ToStatus(code, error, where);
  artefact.resize(std::min<uint64_t>(size, artefact.size()));
  return artefact;
}

}  // namespace concord::hal
