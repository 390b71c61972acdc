#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/op_rows.h"
#include "backends/cpu/ops/kv_cache.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

// Queries a tile: each chunk of keys is read once for all of them and all query heads of the KV head.
constexpr int64_t kQueries = 32;

class AttentionStep final : public Step {
 public:
  AttentionStep(const kernels::KernelTable& kernels, const sdk::Op& op, FloatVector sinks)
      : kernels_(kernels),
        q_(Activation::Of(op.input(CONCORD_ATTENTION_IN_Q))),
        k_(KvState::Of(op.input(CONCORD_ATTENTION_IN_K_CACHE))),
        v_(KvState::Of(op.input(CONCORD_ATTENTION_IN_V_CACHE))),
        table_(op.input(CONCORD_ATTENTION_IN_BLOCK_TABLE)),
        q_start_(op.input_index(CONCORD_ATTENTION_IN_Q_START)),
        kv_len_(op.input_index(CONCORD_ATTENTION_IN_KV_LEN)),
        y_(op.output_index(CONCORD_ATTENTION_OUT_Y)),
        sinks_(sinks) {
    const sdk::Attrs& attrs = op.attrs();
    window_ = attrs.Int(CONCORD_ATTENTION_ATTR_WINDOW, CONCORD_ATTENTION_DEFAULT_WINDOW);
    chunk_ = attrs.Int(CONCORD_ATTENTION_ATTR_CHUNK, CONCORD_ATTENTION_DEFAULT_CHUNK);
    softcap_ = static_cast<float>(attrs.Float(CONCORD_ATTENTION_ATTR_SOFTCAP, CONCORD_ATTENTION_DEFAULT_SOFTCAP));
    const double scale = attrs.Float(CONCORD_ATTENTION_ATTR_SCALE, CONCORD_ATTENTION_DEFAULT_SCALE);
    scale_ = static_cast<float>(scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(q_.cols)) : scale);
  }

  // The sequences' lengths are data of the step, so the tiles are counted by their bound: a block of queries has no
  // more than one partial neighbour a sequence. One more tile clears the rows of padding.
  int64_t Tiles(const Frame& frame) const override {
    const int64_t n = frame.Extent(q_.n);
    return n == 0 ? 0 : Blocks(frame) * k_.cache.n_kv_heads + 1;
  }

  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    const int64_t blocks = Blocks(frame);
    if (tile == blocks * k_.cache.n_kv_heads) {
      ClearPadding(frame);
      return;
    }
    // Later blocks of a long prompt cost more; taking them first evens out the end.
    Block block;
    if (!Find(frame, blocks - 1 - tile / k_.cache.n_kv_heads, &block)) return;
    Attend(frame, block, tile % k_.cache.n_kv_heads, frame.Worker(worker));
  }

  uint64_t WorkerBytes() const {
    const int64_t rows = kQueries * (q_.mult / k_.cache.n_kv_heads);
    return static_cast<uint64_t>(kernels::AttentionScratchBytes(k_.cache.d, v_.cache.d, rows));
  }

 private:
  struct Block {
    int64_t seq, begin, end;  // rows of q
    int64_t first_position;
  };

  int64_t Blocks(const Frame& frame) const { return frame.Extent(q_.n) / kQueries + frame.Extent(table_.dim(0)); }

  // q_start is data: whatever it holds, rows stay within q.
  int64_t Start(const Frame& frame, int64_t seq) const {
    return std::clamp<int64_t>(frame.Data<int32_t>(q_start_)[seq], 0, frame.Extent(q_.n));
  }

  bool Find(const Frame& frame, int64_t index, Block* out) const {
    const int64_t n_seqs = frame.Extent(table_.dim(0));
    for (int64_t s = 0; s < n_seqs; ++s) {
      const int64_t begin = Start(frame, s), end = Start(frame, s + 1);
      const int64_t blocks = std::max<int64_t>(0, CeilDiv(end - begin, kQueries));
      if (index >= blocks) {
        index -= blocks;
        continue;
      }
      out->seq = s;
      out->begin = begin + index * kQueries;
      out->end = std::min(end, out->begin + kQueries);
      out->first_position = frame.Data<int32_t>(kv_len_)[s] - (end - begin) + (out->begin - begin);
      return true;
    }
    return false;
  }

  // Whether every key that the block can see has a block of the pool: the kernel reads where the table points.
  bool KeysExist(const Frame& frame, const Block& block) const {
    const int64_t max_blocks = frame.Extent(table_.dim(1));
    const int64_t last = block.first_position + (block.end - block.begin) - 1;
    if (block.first_position < 0 || last >= max_blocks * k_.cache.block_tokens) return false;
    const int64_t pool = std::min(frame.Extent(k_.n_blocks), frame.Extent(v_.n_blocks));
    const int32_t* const table = frame.Data<int32_t>(table_.index) + block.seq * max_blocks;
    int64_t first = window_ > 0 ? std::max<int64_t>(0, block.first_position - window_ + 1) : 0;
    if (chunk_ > 0) first = std::max(first, block.first_position / chunk_ * chunk_);
    for (int64_t b = first / k_.cache.block_tokens; b <= last / k_.cache.block_tokens; ++b) {
      if (table[b] < 0 || table[b] >= pool) return false;
    }
    return true;
  }

  void Attend(const Frame& frame, const Block& block, int64_t kv_head, char* scratch) const {
    const int64_t group = q_.mult / k_.cache.n_kv_heads, out_stride = q_.mult * v_.cache.d;
    float* const y = frame.Data<float>(y_) + block.begin * out_stride;
    if (!KeysExist(frame, block)) {
      for (int64_t i = 0; i < block.end - block.begin; ++i) {
        std::memset(y + i * out_stride + kv_head * group * v_.cache.d, 0,
                    static_cast<size_t>(group * v_.cache.d) * sizeof(float));
      }
      return;
    }
    int32_t positions[kQueries];
    for (int64_t i = 0; i < block.end - block.begin; ++i) positions[i] = static_cast<int32_t>(block.first_position + i);
    kernels::AttentionTile args;
    args.q = q_.data(frame) + block.begin * q_.width();
    args.q_stride = q_.width();
    args.positions = positions;
    args.n_queries = block.end - block.begin;
    args.kv_head = kv_head;
    args.n_heads = q_.mult;
    args.k = k_.At(frame);
    args.v = v_.At(frame);
    args.block_table = frame.Data<int32_t>(table_.index) + block.seq * frame.Extent(table_.dim(1));
    args.window = window_;
    args.chunk = chunk_;
    args.sinks = sinks_.at(frame);
    args.scale = scale_;
    args.softcap = softcap_;
    args.out = y;
    args.out_stride = out_stride;
    args.scratch = scratch;
    kernels_.attention(args);
  }

  void ClearPadding(const Frame& frame) const {
    const int64_t n = frame.Extent(q_.n), n_seqs = frame.Extent(table_.dim(0)), width = q_.mult * v_.cache.d;
    const int64_t first = n_seqs == 0 ? n : Start(frame, 0), last = n_seqs == 0 ? n : Start(frame, n_seqs);
    float* const y = frame.Data<float>(y_);
    std::memset(y, 0, static_cast<size_t>(first * width) * sizeof(float));
    std::memset(y + last * width, 0, static_cast<size_t>((n - last) * width) * sizeof(float));
  }

  const kernels::KernelTable& kernels_;
  Activation q_;
  KvState k_, v_;
  sdk::Value table_;
  uint32_t q_start_, kv_len_, y_;
  FloatVector sinks_;
  int64_t window_, chunk_;
  float scale_, softcap_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value k = op.input(CONCORD_ATTENTION_IN_K_CACHE), v = op.input(CONCORD_ATTENTION_IN_V_CACHE);
  if (sdk::CheckAttention(op, &checks).ok()) {
    KvState::Check(k, &checks);
    KvState::Check(v, &checks);
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  sdk::Result<FloatVector> sinks =
      builder.Floats(op.input(CONCORD_ATTENTION_IN_SINKS), op.input(CONCORD_ATTENTION_IN_Q).fixed(1));
  if (!sinks.ok()) return sinks.status();
  auto step = std::make_unique<AttentionStep>(builder.kernels(), op, *sinks);
  builder.NeedWorkerScratch(step->WorkerBytes());
  return std::unique_ptr<Step>(std::move(step));
}

}  // namespace

CONCORD_CPU_OP(attention, CONCORD_OP_ATTENTION, CONCORD_OP_ATTENTION_VERSION, Query, Compile);

}  // namespace concord::cpu
