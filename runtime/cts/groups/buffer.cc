// Memory: sizes, alignment, mapping, and that bytes arrive where they were sent and nowhere else.
#include <cstdint>
#include <vector>

#include "runtime/cts/case.h"
#include "runtime/cts/rig.h"

namespace concord::cts {
namespace {

constexpr uint64_t kSizes[] = {0, 1, 3, 64, 4097, (1 << 20) + 7};

absl::Status Sizes(Context& context) {
  Rig rig(context.device());
  for (const int32_t usage : {CONCORD_BUFFER_DEVICE, CONCORD_BUFFER_STAGING}) {
    for (const uint64_t size : kSizes) CONCORD_RETURN_IF_ERROR(rig.MakeBuffer(size, usage).status());
  }
  return absl::OkStatus();
}

absl::Status WriteAndRead(Context& context) {
  Rig rig(context.device());
  for (const uint64_t size : kSizes) {
    const std::string bytes = RandomBytes(context.seed() + size, size);
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(bytes));
    CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*buffer));
    CONCORD_RETURN_IF_ERROR(ExpectBytes(got, bytes, absl::StrCat("a buffer of ", size, " bytes")));
  }
  return absl::OkStatus();
}

absl::Status WritePart(Context& context) {
  Rig rig(context.device());
  std::string bytes = RandomBytes(context.seed(), 5000);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(bytes));
  for (const auto& [offset, size] : {std::pair<size_t, size_t>{0, 1}, {1, 2}, {777, 1001}, {4093, 7}, {4999, 1}}) {
    const std::string part = RandomBytes(context.seed() + offset + 1, size);
    CONCORD_RETURN_IF_ERROR(buffer->Write(offset, part));
    bytes.replace(offset, size, part);
  }
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*buffer));
  CONCORD_RETURN_IF_ERROR(ExpectBytes(got, bytes, "after writes to parts of it"));
  std::string part(13, '\0');
  CONCORD_RETURN_IF_ERROR(buffer->Read(1234, {part.data(), part.size()}));
  return ExpectBytes(part, bytes.substr(1234, 13), "a read of 13 bytes at 1234");
}

absl::Status Staging(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(4097, CONCORD_BUFFER_STAGING));
  const std::string bytes = RandomBytes(context.seed(), 4097);
  CONCORD_ASSIGN_OR_RETURN(void* address, buffer->Map(CONCORD_MAP_WRITE));
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(address));
  CONCORD_RETURN_IF_ERROR(buffer->Flush());
  buffer->Unmap();
  CONCORD_ASSIGN_OR_RETURN(address, buffer->Map(CONCORD_MAP_READ, 100, 333));
  const std::string got(static_cast<const char*>(address), 333);
  buffer->Unmap();
  return ExpectBytes(got, bytes.substr(100, 333), "a staging buffer, mapped a second time at 100");
}

absl::Status Alignment(Context& context) {
  for (uint64_t align = 1; align <= 4096; align *= 4) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Buffer buffer,
                             context.device().CreateBuffer(100, CONCORD_BUFFER_STAGING, align));
    CONCORD_ASSIGN_OR_RETURN(void* address, buffer.Map(CONCORD_MAP_READ));
    buffer.Unmap();
    CONCORD_RETURN_IF_ERROR(Expect(reinterpret_cast<uintptr_t>(address) % align == 0,
                                   absl::StrCat("a staging buffer with align_bytes ", align, " is not aligned so")));
  }
  const absl::Status odd = context.device().CreateBuffer(100, CONCORD_BUFFER_DEVICE, 3).status();
  return ExpectCode(odd, absl::StatusCode::kInvalidArgument, "a buffer with align_bytes 3, no power of two");
}

absl::Status MapOutOfRange(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(100, CONCORD_BUFFER_STAGING));
  for (const auto& [offset, size] :
       {std::pair<uint64_t, uint64_t>{0, 101}, {101, 0}, {50, 51}, {UINT64_MAX - 9, 20}, {8, UINT64_MAX - 7}}) {
    void* address = nullptr;
    const int32_t code = context.device().api().buffer_map(buffer->get(), offset, size, CONCORD_MAP_READ, &address,
                                                           nullptr);  // the error may be NULL
    CONCORD_RETURN_IF_ERROR(Expect(
        code != CONCORD_OK, absl::StrCat("map of bytes ", offset, " + ", size, " of a buffer of 100 was not refused")));
  }
  return absl::OkStatus();
}

absl::Status MapOfDeviceMemory(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(100));
  const absl::StatusOr<void*> address = buffer->Map(CONCORD_MAP_READ);
  if (address.ok()) buffer->Unmap();
  if (context.device().info().has(CONCORD_DEVICE_HOST_MEMORY)) {
    return Annotate(address.status(), "the device says HOST_MEMORY, but a device buffer cannot be mapped");
  }
  return address.ok() ? absl::OkStatus()
                      : ExpectCode(address.status(), absl::StatusCode::kUnimplemented, "map of device memory");
}

absl::Status ImportHost(Context& context) {
  std::vector<char> memory(4096 + 64, 'x');
  char* const at = memory.data() + 64 - reinterpret_cast<uintptr_t>(memory.data()) % 64;
  const absl::StatusOr<hal::Buffer> buffer = context.device().ImportHost(at, 4000);
  if (!buffer.ok() && !context.device().info().has(CONCORD_DEVICE_HOST_MEMORY)) {
    CONCORD_RETURN_IF_ERROR(ExpectCode(buffer.status(), absl::StatusCode::kUnimplemented, "import of host memory"));
    return Skipped("the device cannot use host memory in place");
  }
  CONCORD_RETURN_IF_ERROR(buffer.status());
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point signal = done->At(1);
  CONCORD_RETURN_IF_ERROR(context.device().Fill(
      {.target = &*buffer, .offset_bytes = 8, .size_bytes = 16, .pattern = 0x41424344, .signals = {&signal, 1}}));
  CONCORD_RETURN_IF_ERROR(done->Wait(1, kSoon));
  return ExpectBytes(std::string(at, 32), "xxxxxxxxDCBADCBADCBADCBAxxxxxxxx", "imported memory after a fill");
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(buffer) {
  return {.name = "buffer", .step = 2, .cases = [] {
            return std::vector<Case>{StatusCase("buffer/sizes", Sizes),
                                     StatusCase("buffer/write_and_read", WriteAndRead),
                                     StatusCase("buffer/write_part", WritePart),
                                     StatusCase("buffer/staging", Staging),
                                     StatusCase("buffer/alignment", Alignment),
                                     StatusCase("buffer/map_out_of_range", MapOutOfRange),
                                     StatusCase("buffer/map_of_device_memory", MapOfDeviceMemory),
                                     StatusCase("buffer/import_host", ImportHost)};
          }};
}

}  // namespace concord::cts
