#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/sdk/sdk.h"

namespace concord::cpu {

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Where everything is during one submission. Read-only while steps run.
struct Frame {
  const sdk::HostBindings* bindings = nullptr;
  char* const* values = nullptr;              // by value index
  char* scratch = nullptr;                    // the plugin's part of the workspace
  const uint64_t* scratch_offsets = nullptr;  // by scratch id
  uint64_t worker_offset_bytes = 0;           // in scratch: one part a worker
  uint64_t worker_stride_bytes = 0;

  template <typename T>
  T* Data(uint32_t value) const {
    return reinterpret_cast<T*>(values[value]);
  }
  template <typename T>
  T* Scratch(uint32_t id) const {
    return reinterpret_cast<T*>(scratch + scratch_offsets[id]);
  }
  char* Worker(uint32_t worker) const { return scratch + worker_offset_bytes + worker * worker_stride_bytes; }
  int64_t Extent(const concord_dim& dim) const { return bindings->extent(dim); }
};

// A part of a program with capacities fixed: an op, or something that several ops share. Its work comes in tiles that
// any worker may run in any order and at the same time.
class Step {
 public:
  virtual ~Step() = default;
  // How many tiles this submission has; 0 = nothing to do.
  virtual int64_t Tiles(const Frame& frame) const = 0;
  virtual void Run(const Frame& frame, int64_t tile, uint32_t worker) const = 0;
};

// A tensor of activations [n, fixed dims..., cols] as rows; only n may be a symbol.
struct Activation {
  uint32_t value = CONCORD_NONE;
  concord_dim n{};   // the first dim (1 for a single row)
  int64_t mult = 1;  // rows a step of n
  int64_t cols = 0;

  static Activation Of(const sdk::Value& v) {
    Activation a;
    a.value = v.index;
    a.n = v.rank() >= 2 ? v.dim(0) : concord_dim{1, CONCORD_NONE, 0};
    for (uint32_t d = 1; d + 1 < v.rank(); ++d) a.mult *= v.dim(static_cast<int>(d)).value;
    a.cols = v.rank() == 0 ? 1 : v.dim(-1).value;
    return a;
  }
  int64_t rows(const Frame& frame) const { return frame.Extent(n) * mult; }
  int64_t width() const { return mult * cols; }  // of one step of n
  float* data(const Frame& frame) const { return frame.Data<float>(value); }
};

// A vector of f32: decoded once when it is a constant, else wherever the submission binds it. May be absent.
struct FloatVector {
  const float* fixed = nullptr;
  uint32_t value = CONCORD_NONE;

  const float* at(const Frame& frame) const {
    return fixed != nullptr || value == CONCORD_NONE ? fixed : frame.Data<float>(value);
  }
};

// A step over the rows of an activation. Tiles of about 16k elements: some microseconds of work, against a tenth of
// one for claiming a tile.
class RowStep : public Step {
 public:
  explicit RowStep(const Activation& shape)
      : shape_(shape), rows_per_tile_(std::max<int64_t>(1, 16384 / std::max<int64_t>(1, shape.cols))) {}

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(shape_.rows(frame), rows_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t) const override {
    const int64_t begin = tile * rows_per_tile_;
    RunRows(frame, begin, std::min(begin + rows_per_tile_, shape_.rows(frame)));
  }

 protected:
  virtual void RunRows(const Frame& frame, int64_t begin, int64_t end) const = 0;
  const Activation& shape() const { return shape_; }

 private:
  Activation shape_;
  int64_t rows_per_tile_;
};

}  // namespace concord::cpu
