#include "backends/gpu/constant.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "runtime/base/packing/packing.h"

namespace concord::gpu {
namespace {

// Rows that one worker repacks before it looks for more: long enough to pay for the look.
constexpr int64_t kRowsAtOnce = 16;

struct Repack {
  const WeightLayout* layout;
  const WeightLayout::Part* part;
  const uint8_t* rows;  // of the part's first row
  uint64_t stride_bytes;
  uint32_t* out;
  std::atomic<int64_t> next{0};

  static void Run(void* arg, uint32_t, int32_t) {
    auto& self = *static_cast<Repack*>(arg);
    for (;;) {
      const int64_t first = self.next.fetch_add(kRowsAtOnce);
      if (first >= self.part->rows) return;
      const int64_t count = std::min(kRowsAtOnce, self.part->rows - first);
      self.layout->Fill(*self.part, first, count, self.rows + static_cast<uint64_t>(first) * self.stride_bytes,
                        self.stride_bytes, self.out);
    }
  }
};

int64_t Elems(const concord_constant_desc& desc) {
  int64_t elems = 1;
  for (uint32_t d = 0; d < desc.rank; ++d) elems *= desc.dims[d];
  return elems;
}

}  // namespace

sdk::Result<std::unique_ptr<sdk::Constant>> Constant::Make(Driver& driver, const sdk::Host& host,
                                                           const concord_constant_desc& desc) {
  if (desc.host_data == nullptr && desc.host_size_bytes != 0) {
    return sdk::Error(CONCORD_INVALID_ARGUMENT, "constant ", desc.name, " has no data");
  }
  std::unique_ptr<Constant> made(new Constant);
  made->packing_ = std::string(sdk::FromC(desc.type.packing));
  made->desc_ = desc;
  made->desc_.type.packing = sdk::ToC(made->packing_);
  made->desc_.name = {nullptr, 0};
  made->desc_.host_data = nullptr;
  sdk::Status status = desc.rank == 2 ? made->MakeMatrix(driver, host, desc) : made->MakeArray(driver, desc);
  if (!status.ok()) return status;
  return std::unique_ptr<sdk::Constant>(std::move(made));
}

sdk::Status Constant::MakeMatrix(Driver& driver, const sdk::Host& host, const concord_constant_desc& desc) {
  const WeightFormat* format = FindFormat(packing_);
  if (format == nullptr) return sdk::Error(CONCORD_INVALID_ARGUMENT, "no kernel reads matrices of ", packing_);
  const int64_t rows = desc.dims[0], cols = desc.dims[1];
  const uint64_t row_bytes = static_cast<uint64_t>(cols) / format->block_elems * format->block_bytes;
  const bool whole =
      rows >= 0 && cols >= 0 && cols % format->block_elems == 0 && desc.row_stride_bytes >= row_bytes &&
      (rows == 0 || desc.host_size_bytes >= static_cast<uint64_t>(rows - 1) * desc.row_stride_bytes + row_bytes);
  if (!whole) {
    return sdk::Error(CONCORD_INVALID_ARGUMENT, rows, " rows of ", cols, " elements, ", desc.row_stride_bytes,
                      " bytes apart, do not lie in ", desc.host_size_bytes, " bytes of ", packing_);
  }
  layout_ = WeightLayout::Make(*format, rows, cols, driver.limits().max_part_bytes);
  std::vector<uint32_t> words;
  for (const WeightLayout::Part& part : layout_.parts) {
    sdk::Result<std::unique_ptr<Buffer>> buffer = driver.NewBuffer(CONCORD_BUFFER_DEVICE, part.bytes, 1);
    if (!buffer.ok()) return buffer.status();
    words.assign(part.bytes / 4, 0);
    Repack repack{
        &layout_, &part,
        static_cast<const uint8_t*>(desc.host_data) + static_cast<uint64_t>(part.row_begin) * desc.row_stride_bytes,
        desc.row_stride_bytes, words.data()};
    host.ParallelRun(host.WorkerCount(), &Repack::Run, &repack);
    layout_.FillFactor(part, words.data());
    sdk::Status status = driver.Upload(**buffer, words.data(), part.bytes);
    if (!status.ok()) return status;
    parts_.push_back(std::move(*buffer));
  }
  return sdk::Ok();
}

sdk::Status Constant::MakeArray(Driver& driver, const concord_constant_desc& desc) {
  const packing::Packing* packing = packing::Find(packing_.c_str());
  const int64_t elems = Elems(desc);
  const int64_t bytes = packing == nullptr ? -1 : packing->Bytes(elems);
  if (bytes < 0 || static_cast<uint64_t>(bytes) > desc.host_size_bytes) {
    return sdk::Error(CONCORD_INVALID_ARGUMENT, elems, " elements of ", packing_, " do not lie in ",
                      desc.host_size_bytes, " bytes");
  }
  std::vector<uint32_t> words;
  if (desc.type.storage == CONCORD_STORAGE_I32 || desc.type.storage == CONCORD_STORAGE_I64) {
    words.resize(static_cast<size_t>(bytes + 3) / 4);
    if (bytes != 0) std::memcpy(words.data(), desc.host_data, static_cast<size_t>(bytes));
  } else {
    std::vector<float> values(static_cast<size_t>(elems));
    packing->decode(desc.host_data, elems / packing->block_elems, values.data());
    words.resize(values.size());
    if (elems != 0) std::memcpy(words.data(), values.data(), values.size() * 4);
  }
  words.resize((words.size() + 4) / 4 * 4);  // whole vectors of four, and an address for nothing
  sdk::Result<std::unique_ptr<Buffer>> buffer = driver.NewBuffer(CONCORD_BUFFER_DEVICE, words.size() * 4, 1);
  if (!buffer.ok()) return buffer.status();
  sdk::Status status = driver.Upload(**buffer, words.data(), words.size() * 4);
  if (!status.ok()) return status;
  parts_.push_back(std::move(*buffer));
  return sdk::Ok();
}

}  // namespace concord::gpu
