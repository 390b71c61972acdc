#include "runtime/base/memory_block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/base/mmap.h"

namespace concord {

int64_t MemoryBlock::AvailableBytes() {
  const int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  char buffer[4096];
  const ssize_t got = read(fd, buffer, sizeof(buffer));
  close(fd);
  const absl::string_view text(buffer, got < 0 ? 0 : static_cast<size_t>(got));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    int64_t kilobytes = 0;
    if (absl::ConsumePrefix(&line, "MemAvailable:") && absl::ConsumeSuffix(&line, "kB") &&
        absl::SimpleAtoi(line, &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return -1;
}

absl::StatusOr<std::shared_ptr<MemoryBlock>> MemoryBlock::Allocate(int64_t size_bytes, absl::string_view what) {
  if (size_bytes <= 0)
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", size_bytes, " bytes of memory wanted"));
  const int64_t available = AvailableBytes();
  if (available >= 0 && size_bytes > available) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, " needs ", size_bytes >> 20, " MiB of memory; ", available >> 20, " MiB are available"));
  }
  const size_t size = static_cast<size_t>(size_bytes);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return ErrnoStatus(errno, absl::StrCat("cannot allocate the ", size_bytes, " bytes of ", what));
  madvise(data, size, MADV_HUGEPAGE);  // a fraction of the page faults, where the kernel can
  try {
    return std::shared_ptr<MemoryBlock>(new MemoryBlock(static_cast<std::byte*>(data), size_bytes));
  } catch (const std::bad_alloc&) {
    munmap(data, size);
    return absl::ResourceExhaustedError("out of memory");
  }
}

MemoryBlock::~MemoryBlock() { munmap(data_, static_cast<size_t>(size_bytes_)); }

void MemoryBlock::Freeze() { mprotect(data_, static_cast<size_t>(size_bytes_), PROT_READ); }

}  // namespace concord
