#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/cache_flush.h"
#include "runtime/base/memory_block.h"
#include "runtime/graph/lower.h"
#include "runtime/graph/module.h"
#include "runtime/graph/sizes.h"
#include "runtime/hal/chain.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// Bytes that are harmless weights in every packing (ordinary numbers, none huge, none denormal), and that programs see
// as matrices one after the other.
class ProbeWeights {
 public:
  // As many bytes as can be had in `patience_seconds`, between `least` and `most`: fresh memory comes page by page.
  static absl::StatusOr<ProbeWeights> Create(const hal::Device& device, int64_t least, int64_t most,
                                             double patience_seconds);

  int64_t size_bytes() const { return size_bytes_; }
  // The next constant begins at the first byte.
  void Rewind() { next_ = 0; }
  // Pushes what constants were made of since Rewind out of the processor's caches. False: nothing was done.
  bool Flush() const { return FlushFromCaches(block_->data(), static_cast<size_t>(next_)); }
  // A constant of this type: in place where the device works on host memory, else the device's own copy.
  absl::StatusOr<hal::Constant> Next(const graph::Value& weight);

 private:
  ProbeWeights(const hal::Device& device, std::shared_ptr<MemoryBlock> block)
      : device_(&device), block_(std::move(block)) {}

  const hal::Device* device_;
  std::shared_ptr<MemoryBlock> block_;
  int64_t size_bytes_ = 0, next_ = 0;
};

// A graph compiled for a device, with memory for all that it names, to be timed. What it computes does not matter.
class ProbeProgram {
 public:
  using Integers = std::map<std::string, std::vector<int32_t>>;  // what inputs of whole numbers hold; else 0

  // Unimplemented, with the device's reason, where it declines an op. `arithmetic` is for every node that multiplies
  // with a weight; the others compute in f32. `capacities` has all symbols.
  static absl::StatusOr<std::unique_ptr<ProbeProgram>> Create(const hal::Device& device, graph::Module module,
                                                              const std::string& arithmetic,
                                                              const graph::SymbolValues& capacities,
                                                              const Integers& integers, ProbeWeights* weights);

  // The seconds of one submission and its wait.
  absl::StatusOr<double> Run(int64_t n_tokens);

  const graph::Graph& graph() const { return module_.main; }
  const std::vector<std::string>& arithmetic() const { return arithmetic_; }  // by node

 private:
  explicit ProbeProgram(const hal::Device& device) : device_(device) {}
  absl::Status Compile(const std::string& arithmetic);
  absl::Status Bind(const graph::SymbolValues& capacities, const Integers& integers, ProbeWeights* weights);
  absl::Status AddBuffer(const graph::Value& value, const graph::LoweredProgram::Bound& bound,
                         const graph::SymbolValues& capacities, const Integers& integers);
  absl::Status Prepare(const graph::SymbolValues& capacities);

  const hal::Device& device_;
  graph::Module module_;
  std::vector<std::string> arithmetic_;
  std::unique_ptr<graph::LoweredProgram> lowered_;
  hal::Program program_;
  std::vector<hal::Constant> constants_;
  std::vector<hal::Buffer> buffers_;
  std::vector<concord_binding> bindings_;
  std::vector<concord_symbol_value> symbols_;
  hal::Prepared prepared_;
  hal::Chain chain_;
};

// The least seconds of a run, of as many as `patience_seconds` have room for, some at any rate: neighbours on the same
// cores, cold caches and drivers that compile on first use only ever add. Several programs take turns, so that each
// finds its weights pushed out of the cache by the others; they are alike, and the least of all counts. `before`, if
// any, is called ahead of each run and takes from the patience too.
absl::StatusOr<double> LeastSeconds(const std::vector<std::unique_ptr<ProbeProgram>>& programs, int64_t n_tokens,
                                    double patience_seconds, const std::function<void()>& before = nullptr);

}  // namespace concord::exec
