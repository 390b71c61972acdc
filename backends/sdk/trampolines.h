#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "backends/sdk/arrays.h"
#include "backends/sdk/graph.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "concord/plugin.h"

// The C table over the classes of objects.h, and the macro that exports it.
namespace concord::sdk {
inline namespace v0 {

constexpr int32_t OwnSanitizer() {
#if defined(__SANITIZE_ADDRESS__)
  return CONCORD_SANITIZER_ADDRESS;
#elif defined(__SANITIZE_THREAD__)
  return CONCORD_SANITIZER_THREAD;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return CONCORD_SANITIZER_ADDRESS;
#elif __has_feature(thread_sanitizer)
  return CONCORD_SANITIZER_THREAD;
#else
  return CONCORD_SANITIZER_NONE;
#endif
#else
  return CONCORD_SANITIZER_NONE;
#endif
}

namespace internal {

// Every function of the table: import the arguments, call the author's method, export the results.
struct Table {
  static Status Null(const char* what) { return Error(CONCORD_INVALID_ARGUMENT, what, " is null"); }

  // Hands a new object of `device` to the host.
  template <typename T, typename Handle>
  static Status Give(Device* device, Result<std::unique_ptr<T>> made, Handle** out) {
    if (!made.ok()) return made.status();
    if (*made == nullptr) return Error(CONCORD_INTERNAL, "the plugin made nothing and gave no reason");
    (*made)->owner_ = device;
    device->live_objects_.fetch_add(1, std::memory_order_relaxed);
    *out = reinterpret_cast<Handle*>(made->release());
    return Ok();
  }

  template <typename Handle>
  static void Destroy(Handle* handle) noexcept {
    if (handle == nullptr) return;
    auto* object = ObjectOf(handle);
    Device* owner = object->owner_;
    delete object;
    // Last, so that nothing of the device is in use once the count says that it may be closed.
    owner->live_objects_.fetch_sub(1, std::memory_order_release);
  }

  static Device* OwnerOf(const Object* object) { return object->owner_; }

  template <typename InstanceClass>
  static int32_t Create(const concord_host_api* host, concord_instance** out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (host == nullptr || out == nullptr) return Null("host or out");
      Result<std::unique_ptr<Instance>> made = InstanceClass::Create(Host(host));
      if (!made.ok()) return made.status();
      *out = reinterpret_cast<concord_instance*>(made->release());
      return Ok();
    });
  }

  static int32_t Shutdown(concord_instance* instance, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      Instance* self = ObjectOf(instance);
      if (self == nullptr) return Null("instance");
      const int64_t open = self->open_devices_.load(std::memory_order_acquire);
      if (open != 0) return Error(CONCORD_FAILED_PRECONDITION, open, " devices are still open; close them first");
      Status status = self->Shutdown();
      if (status.ok()) delete self;
      return status;
    });
  }

  static const void* GetExtension(concord_instance* instance, concord_string name) {
    const void* out = nullptr;
    Guarded(nullptr, [&]() -> Status {
      out = ObjectOf(instance)->Extension(FromC(name));
      return Ok();
    });
    return out;
  }

  static uint32_t DeviceCount(concord_instance* instance) {
    uint32_t out = 0;
    Guarded(nullptr, [&]() -> Status {
      out = ObjectOf(instance)->DeviceCount();
      return Ok();
    });
    return out;
  }

  static Status CheckDevice(concord_instance* instance, uint32_t index) {
    if (instance == nullptr) return Null("instance");
    const uint32_t count = ObjectOf(instance)->DeviceCount();
    if (index < count) return Ok();
    return Error(CONCORD_NOT_FOUND, "device ", index, " of a plugin with ", count, " devices");
  }

  static int32_t DeviceInfo(concord_instance* instance, uint32_t index, concord_device_info* out,
                            concord_error* error) {
    return Guarded(error, [&]() -> Status {
      Status status = CheckDevice(instance, index);
      if (!status.ok()) return status;
      concord_device_info info{};
      info.struct_size = sizeof(info);
      status = ObjectOf(instance)->DeviceInfo(index, &info);
      return status.ok() ? Export(info, out) : status;
    });
  }

  static int32_t DeviceOpen(concord_instance* instance, uint32_t index, concord_device** out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      Status status = CheckDevice(instance, index);
      if (!status.ok()) return status;
      if (out == nullptr) return Null("out");
      Result<std::unique_ptr<Device>> made = ObjectOf(instance)->OpenDevice(index);
      if (!made.ok()) return made.status();
      (*made)->instance_ = ObjectOf(instance);
      ObjectOf(instance)->open_devices_.fetch_add(1, std::memory_order_relaxed);
      *out = reinterpret_cast<concord_device*>(made->release());
      return Ok();
    });
  }

  static int32_t DeviceClose(concord_device* device, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      Device* self = ObjectOf(device);
      if (self == nullptr) return Null("device");
      if (self->Busy()) return Error(CONCORD_FAILED_PRECONDITION, "the device has unfinished work; wait for it first");
      const int64_t live = self->live_objects_.load(std::memory_order_acquire);
      if (live != 0) return Error(CONCORD_FAILED_PRECONDITION, live, " objects of the device were not destroyed");
      Instance* instance = self->instance_;
      delete self;
      instance->open_devices_.fetch_sub(1, std::memory_order_release);
      return Ok();
    });
  }

  static int32_t DeviceMemoryStats(concord_device* device, concord_memory_stats* out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      concord_memory_stats stats{};
      stats.struct_size = sizeof(stats);
      Status status = ObjectOf(device)->MemoryStats(&stats);
      return status.ok() ? Export(stats, out) : status;
    });
  }

  static int32_t BufferCreate(concord_device* device, const concord_buffer_desc* desc, concord_buffer** out,
                              concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (desc == nullptr || out == nullptr) return Null("desc or out");
      concord_buffer_desc d = Import(desc);
      if (d.align_bytes == 0) d.align_bytes = 1;
      if ((d.align_bytes & (d.align_bytes - 1)) != 0) {
        return Error(CONCORD_INVALID_ARGUMENT, "buffer alignment ", d.align_bytes, " is no power of two");
      }
      return Give(ObjectOf(device), ObjectOf(device)->CreateBuffer(d), out);
    });
  }

  static int32_t BufferImportHost(concord_device* device, void* memory, uint64_t size_bytes, concord_buffer** out,
                                  concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if ((memory == nullptr && size_bytes != 0) || out == nullptr) return Null("memory or out");
      return Give(ObjectOf(device), ObjectOf(device)->ImportHost(memory, size_bytes), out);
    });
  }

  static int32_t BufferMap(concord_buffer* buffer, uint64_t offset_bytes, uint64_t size_bytes, uint32_t access,
                           void** out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (out == nullptr) return Null("out");
      Result<void*> address = ObjectOf(buffer)->Map(offset_bytes, size_bytes, access);
      if (address.ok()) *out = *address;
      return address.status();
    });
  }

  static void BufferUnmap(concord_buffer* buffer) {
    Guarded(nullptr, [&]() -> Status {
      ObjectOf(buffer)->Unmap();
      return Ok();
    });
  }

  static int32_t BufferFlushRange(concord_buffer* buffer, uint64_t offset_bytes, uint64_t size_bytes,
                                  concord_error* error) {
    return Guarded(error, [&] { return ObjectOf(buffer)->FlushRange(offset_bytes, size_bytes); });
  }

  static int32_t SemaphoreCreate(concord_device* device, uint64_t initial_value, concord_semaphore** out,
                                 concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (out == nullptr) return Null("out");
      return Give(ObjectOf(device), ObjectOf(device)->CreateSemaphore(initial_value), out);
    });
  }

  static int32_t SemaphoreQuery(concord_semaphore* semaphore, uint64_t* out_value, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      Result<uint64_t> value = ObjectOf(semaphore)->Query();
      if (value.ok() && out_value != nullptr) *out_value = *value;
      return value.status();
    });
  }

  static int32_t SemaphoreSignal(concord_semaphore* semaphore, uint64_t value, concord_error* error) {
    return Guarded(error, [&] { return ObjectOf(semaphore)->Signal(value); });
  }

  static void SemaphoreFail(concord_semaphore* semaphore, const concord_error* reason) {
    Guarded(nullptr, [&]() -> Status {
      ObjectOf(semaphore)->Fail(reason != nullptr ? FromC(*reason) : Error(CONCORD_UNKNOWN, "failed by the host"));
      return Ok();
    });
  }

  static int32_t SemaphoreWait(concord_semaphore* semaphore, uint64_t value, uint64_t timeout_ns,
                               concord_error* error) {
    return Guarded(error, [&] { return ObjectOf(semaphore)->Wait(value, timeout_ns); });
  }

  static int32_t ConstantCreate(concord_device* device, const concord_constant_desc* desc, concord_constant** out,
                                concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (desc == nullptr || out == nullptr) return Null("desc or out");
      return Give(ObjectOf(device), ObjectOf(device)->CreateConstant(Import(desc)), out);
    });
  }

  static int32_t ConstantExport(concord_constant* constant, concord_constant_blob* out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      concord_constant_blob blob{};
      blob.struct_size = sizeof(blob);
      Status status = ObjectOf(constant)->Export(&blob);
      return status.ok() ? sdk::Export(blob, out) : status;
    });
  }

  static int32_t ProgramQueryOp(concord_device* device, const concord_program_desc* program, uint32_t op_index,
                                concord_support* out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (program == nullptr) return Null("program");
      const concord_program_desc desc = Import(program);
      const Graph graph(desc);
      Status status = graph.CheckOp(op_index);
      if (!status.ok()) return status;
      const Support support = ObjectOf(device)->QueryOp(graph.op(op_index));
      concord_support answer{};
      answer.struct_size = sizeof(answer);
      answer.level = support.level;
      concord_error cut{};
      FillError(CONCORD_UNKNOWN, 0, 0, support.reason, &cut);
      static_assert(sizeof(cut.message) == sizeof(answer.reason));
      std::memcpy(answer.reason, cut.message, sizeof(answer.reason));
      return sdk::Export(answer, out);
    });
  }

  static Status Checked(Device* device, const concord_program_desc& desc) {
    const Graph graph(desc);
    for (uint32_t i = 0; i < graph.n_ops(); ++i) {
      Status status = graph.CheckOp(i);
      if (!status.ok()) return status;
      const Op op = graph.op(i);
      const Support support = device->QueryOp(op);
      if (support.ok()) continue;
      status = Error(CONCORD_UNIMPLEMENTED, "op ", i, " (", op.name(), ", ", op.scope(), "): ", support.reason);
      status.op_index = i;
      return status;
    }
    return Ok();
  }

  static int32_t ProgramCompile(concord_device* device, const concord_program_desc* desc, concord_program** out,
                                concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (desc == nullptr || out == nullptr) return Null("desc or out");
      const concord_program_desc d = Import(desc);
      Status status = Checked(ObjectOf(device), d);
      if (!status.ok()) return status;
      return Give(ObjectOf(device), ObjectOf(device)->Compile(d), out);
    });
  }

  static int32_t ProgramPrepare(concord_program* program, const concord_prepare_args* args, concord_prepared** out,
                                concord_prepare_result* result, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (program == nullptr || args == nullptr || out == nullptr) return Null("program, args or out");
      concord_prepare_result made{};
      made.struct_size = sizeof(made);
      made.workspace_align_bytes = 1;
      Result<std::unique_ptr<Prepared>> prepared = ObjectOf(program)->Prepare(Import(args), &made);
      if (!prepared.ok()) return prepared.status();
      Status status = sdk::Export(made, result);
      return status.ok() ? Give(OwnerOf(ObjectOf(program)), std::move(prepared), out) : status;
    });
  }

  static int32_t ProgramSerialize(concord_program* program, void* out, uint64_t* size_bytes, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (size_bytes == nullptr) return Null("size_bytes");
      Result<std::string> bytes = ObjectOf(program)->Serialize();
      if (!bytes.ok()) return bytes.status();
      const uint64_t room = *size_bytes;
      *size_bytes = bytes->size();
      if (out == nullptr) return Ok();
      if (room < bytes->size()) {
        return Error(CONCORD_OUT_OF_RANGE, "the artefact has ", bytes->size(), " bytes, room is for ", room);
      }
      std::memcpy(out, bytes->data(), bytes->size());
      return Ok();
    });
  }

  static int32_t ProgramDeserialize(concord_device* device, const concord_program_desc* desc, const void* data,
                                    uint64_t size_bytes, concord_program** out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (desc == nullptr || data == nullptr || out == nullptr) return Null("desc, data or out");
      const concord_program_desc d = Import(desc);
      Status status = Checked(ObjectOf(device), d);
      if (!status.ok()) return status;
      return Give(ObjectOf(device),
                  ObjectOf(device)->Deserialize(d, std::string_view(static_cast<const char*>(data), size_bytes)), out);
    });
  }

  static uint64_t DeviceFingerprint(concord_device* device) {
    uint64_t out = 0;
    Guarded(nullptr, [&]() -> Status {
      out = ObjectOf(device)->Fingerprint();
      return Ok();
    });
    return out;
  }

  template <typename Args, Status (Device::*kMethod)(const Args&)>
  static int32_t Queue(concord_device* device, const Args* args, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (args == nullptr) return Null("args");
      return (ObjectOf(device)->*kMethod)(Import(args));
    });
  }

  template <typename InstanceClass>
  static concord_plugin_api Make(const char* name, const char* vendor, const char* version, const char* runtime) {
    concord_plugin_api api{};
    api.struct_size = sizeof(api);
    api.abi_major = CONCORD_ABI_MAJOR;
    api.abi_minor = CONCORD_ABI_MINOR;
    api.sanitizer = OwnSanitizer();
    api.name = ToC(name);
    api.vendor = ToC(vendor);
    api.version = ToC(version);
    api.runtime_version = ToC(runtime);
    api.create = &Create<InstanceClass>;
    api.shutdown = &Shutdown;
    api.get_extension = &GetExtension;
    api.device_count = &DeviceCount;
    api.device_info = &DeviceInfo;
    api.device_open = &DeviceOpen;
    api.device_close = &DeviceClose;
    api.device_memory_stats = &DeviceMemoryStats;
    api.buffer_create = &BufferCreate;
    api.buffer_import_host = &BufferImportHost;
    api.buffer_destroy = &Destroy<concord_buffer>;
    api.buffer_map = &BufferMap;
    api.buffer_unmap = &BufferUnmap;
    api.buffer_flush_range = &BufferFlushRange;
    api.semaphore_create = &SemaphoreCreate;
    api.semaphore_destroy = &Destroy<concord_semaphore>;
    api.semaphore_query = &SemaphoreQuery;
    api.semaphore_signal = &SemaphoreSignal;
    api.semaphore_fail = &SemaphoreFail;
    api.semaphore_wait = &SemaphoreWait;
    api.constant_create = &ConstantCreate;
    api.constant_export = &ConstantExport;
    api.constant_destroy = &Destroy<concord_constant>;
    api.program_query_op = &ProgramQueryOp;
    api.program_compile = &ProgramCompile;
    api.program_destroy = &Destroy<concord_program>;
    api.program_prepare = &ProgramPrepare;
    api.prepared_destroy = &Destroy<concord_prepared>;
    api.program_serialize = &ProgramSerialize;
    api.program_deserialize = &ProgramDeserialize;
    api.device_fingerprint = &DeviceFingerprint;
    api.queue_submit = &Queue<concord_submit_args, &Device::Submit>;
    api.queue_copy = &Queue<concord_copy_args, &Device::Copy>;
    api.queue_fill = &Queue<concord_fill_args, &Device::Fill>;
    api.queue_barrier = &Queue<concord_barrier_args, &Device::Barrier>;
    api.queue_export_state = &Queue<concord_state_args, &Device::ExportState>;
    api.queue_import_state = &Queue<concord_state_args, &Device::ImportState>;
    return api;
  }
};

inline const concord_plugin_api* Answer(const concord_plugin_api& api, uint32_t host_abi_major, concord_error* error) {
  if (host_abi_major == CONCORD_ABI_MAJOR) return &api;
  FillError(Error(CONCORD_FAILED_PRECONDITION, "plugin ", api.name, " speaks ABI major ", CONCORD_ABI_MAJOR,
                  ", the host ", host_abi_major, "; use builds of the same major version"),
            error);
  return nullptr;
}

}  // namespace internal
}  // namespace v0
}  // namespace concord::sdk

// CONCORD_PLUGIN(foo, "Foo Semiconductor", foo::FooInstance): defines the entry of the plugin. In a shared library that
// is concord_plugin_query; where CONCORD_PLUGIN_LINKED is defined, concord_plugin_query_foo, for the host's linked
// list.
#if defined(CONCORD_PLUGIN_LINKED)
#define CONCORD_PLUGIN_ENTRY_(name) concord_plugin_query_##name
#else
#define CONCORD_PLUGIN_ENTRY_(name) concord_plugin_query
#endif
#ifndef CONCORD_PLUGIN_VERSION
#define CONCORD_PLUGIN_VERSION "0"
#endif
#ifndef CONCORD_PLUGIN_RUNTIME_VERSION
#define CONCORD_PLUGIN_RUNTIME_VERSION ""
#endif
#define CONCORD_PLUGIN(name, vendor, InstanceClass)                                                        \
  extern "C" __attribute__((visibility("default"))) const concord_plugin_api* CONCORD_PLUGIN_ENTRY_(name)( \
      uint32_t host_abi_major, concord_error * error) {                                                    \
    static const concord_plugin_api api = ::concord::sdk::internal::Table::Make<InstanceClass>(            \
        #name, vendor, CONCORD_PLUGIN_VERSION, CONCORD_PLUGIN_RUNTIME_VERSION);                            \
    return ::concord::sdk::internal::Answer(api, host_abi_major, error);                                   \
  }
