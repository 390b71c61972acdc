#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/gpu/op_rows.h"
#include "backends/gpu/ops/kv_state.h"
#include "backends/gpu/ops/launches.h"
#include "concord/ops.h"

namespace concord::gpu {
namespace {

constexpr uint32_t kMostRows = 16;  // query tokens times heads of a workgroup: what its registers hold
constexpr uint32_t kMostKeys = 64;  // of a tile
constexpr uint32_t kLeastKeys = 4;
constexpr uint32_t kLanes = 8;      // LANES of the kernel
constexpr uint32_t kMostSums = 32;  // of outputs, in the registers of an invocation
constexpr uint32_t kWorkgroup = kLanes * kMostRows;
// A query and the fewest keys are in 16 KiB, which is all that a workgroup has on some devices.
constexpr int64_t kWidest = 768;
constexpr int64_t kFewQueries = 16;  // up to so many, the keys are split to have enough workgroups
constexpr int64_t kSplitKeys = 256;

// How the work of one op is cut: kernels/gpu/attention.kernel.
class Cut {
 public:
  Cut(const Limits& limits, int64_t d, int64_t dv, int64_t group)
      : limits_(limits), d_(static_cast<uint32_t>(d)), dv_(static_cast<uint32_t>(dv)), stride_(std::max(d_, dv_) | 1u) {
    uint32_t rows = kMostRows;
    while (rows > 1 && (rows * d_ * 4 > limits.shared_bytes / 2 || rows * CeilDiv(dv, kWorkgroup) > kMostSums ||
                        SharedBytes(rows, kLeastKeys) > limits.shared_bytes)) {
      rows /= 2;
    }
    most_rows_ = rows;
    head_tiles_ = CeilDiv(group, rows);
    heads_ = static_cast<uint32_t>(CeilDiv(group, head_tiles_));
  }

  // Of the heads of a KV head.
  int64_t head_tiles() const { return head_tiles_; }
  uint32_t most_queries() const { return most_rows_ / heads_; }

  KernelKey Kernel(uint32_t queries, uint32_t k_type, uint32_t v_type, bool sinks, int64_t split) const {
    const uint32_t rows = queries * heads_, wg = WorkgroupFor(limits_, kWorkgroup, kWorkgroup);
    uint32_t keys = kMostKeys;
    while (keys > kLeastKeys && SharedBytes(rows, keys) > limits_.shared_bytes) keys /= 2;
    uint32_t cols = 1;
    while (cols < dv_ && cols < wg) cols *= 2;
    return {"attention",
            {{"WG", wg},
             {"D", d_},
             {"DV", dv_},
             {"HG", heads_},
             {"TQ", queries},
             {"TK", keys},
             {"STRIDE", stride_},
             {"COLS", cols},
             {"K_TYPE", k_type},
             {"V_TYPE", v_type},
             {"HAS_SINKS", sinks},
             {"SPLIT", static_cast<uint32_t>(split)}}};
  }

 private:
  uint32_t SharedBytes(uint32_t rows, uint32_t keys) const {
    return 4 * (rows * d_ + keys * stride_ + rows * keys + keys + 2 * rows * kLanes + 4 * rows);
  }

  Limits limits_;
  uint32_t d_, dv_, stride_;
  uint32_t most_rows_ = 1, heads_ = 1;
  int64_t head_tiles_ = 1;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value k = op.input(CONCORD_ATTENTION_IN_K_CACHE), v = op.input(CONCORD_ATTENTION_IN_V_CACHE);
  if (sdk::CheckAttention(op, &checks).ok()) {
    KvState::Check(k, &checks);
    KvState::Check(v, &checks);
    checks.Need(std::max(k.fixed(3), v.fixed(3)) <= kWidest, sdk::Cat("heads wider than ", kWidest));
  }
  return checks.Answer();
}

class Compiler {
 public:
  Compiler(const sdk::Op& op, LaunchBuilder* builder)
      : builder_(*builder),
        op_(op),
        q_(op.input(CONCORD_ATTENTION_IN_Q)),
        k_(op.input(CONCORD_ATTENTION_IN_K_CACHE)),
        v_(op.input(CONCORD_ATTENTION_IN_V_CACHE)),
        table_(op.input(CONCORD_ATTENTION_IN_BLOCK_TABLE)),
        sinks_(op.input_index(CONCORD_ATTENTION_IN_SINKS)),
        y_(op.output_index(CONCORD_ATTENTION_OUT_Y)),
        n_(Size::Elems(q_, 0, 1)),
        keys_(Size::Elems(table_, 1, 2).Times(k_.fixed(2))),
        cut_(builder->limits(), k_.fixed(3), v_.fixed(3), q_.fixed(1) / k_.fixed(1)) {}

  void Run() {
    Whole(1, {{n_, 1, kFewQueries}, {keys_, 1, kSplitKeys}});
    Split({{n_, 1, kFewQueries}, {keys_, kSplitKeys + 1, INT64_MAX}});
    Whole(cut_.most_queries(), {{n_, kFewQueries + 1, INT64_MAX}});
  }

 private:
  Launch Attend(uint32_t queries, int64_t split, const Arg& out) const {
    const sdk::Attrs& attrs = op_.attrs();
    const double scale = attrs.Float(CONCORD_ATTENTION_ATTR_SCALE, CONCORD_ATTENTION_DEFAULT_SCALE);
    Launch launch;
    launch.kernel = cut_.Kernel(queries, KvState::TypeOf(k_), KvState::TypeOf(v_), has_sinks(), split);
    launch.args = {Arg::In(q_.index),
                   Arg::In(k_.index),
                   Arg::In(v_.index),
                   Arg::In(table_.index),
                   Arg::In(op_.input_index(CONCORD_ATTENTION_IN_Q_START)),
                   Arg::In(op_.input_index(CONCORD_ATTENTION_IN_KV_LEN)),
                   Sinks(),
                   out};
    launch.words = {Word::Of(n_),
                    Word::Of(Size::Elems(table_, 0, 1)),
                    Word::U(q_.fixed(1)),
                    Word::U(k_.fixed(1)),
                    Word::U(cut_.head_tiles()),
                    Word::Of(Size::Elems(k_, 0, 1)),
                    Word::U(k_.fixed(2)),
                    Word::Of(Size::Elems(table_, 1, 2)),
                    Word::U(attrs.Int(CONCORD_ATTENTION_ATTR_WINDOW, CONCORD_ATTENTION_DEFAULT_WINDOW)),
                    Word::U(attrs.Int(CONCORD_ATTENTION_ATTR_CHUNK, CONCORD_ATTENTION_DEFAULT_CHUNK)),
                    Word::F(scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(q_.fixed(2))) : scale),
                    Word::F(attrs.Float(CONCORD_ATTENTION_ATTR_SOFTCAP, CONCORD_ATTENTION_DEFAULT_SOFTCAP)),
                    Word::Of(keys_.DividedBy(kSplitKeys))};
    launch.groups = n_.Times(k_.fixed(1) * cut_.head_tiles());
    return launch;
  }

  void Whole(uint32_t queries, std::vector<Condition> when) {
    Launch launch = Attend(queries, 0, Arg::Out(y_));
    launch.when = std::move(when);
    builder_.Add(std::move(launch));
  }

  void Split(const std::vector<Condition>& when) {
    const int64_t heads = q_.fixed(1), dv = v_.fixed(3);
    const Size splits = keys_.DividedBy(kSplitKeys);
    // Rounded up to whole splits before the rest multiplies it: the bound adds one to the keys' blocks.
    const uint32_t parts = builder_.NewScratch(PartBytes(kFewQueries * heads * (dv + 2) * 4));
    Launch launch = Attend(1, kSplitKeys, Arg::WriteScratch(parts));
    launch.layers = splits;
    launch.when = when;
    builder_.Add(std::move(launch));

    Launch combine;
    combine.kernel = {"attention_combine",
                      {{"WG", WorkgroupFor(builder_.limits(), dv, 128)},
                       {"DV", static_cast<uint32_t>(dv)},
                       {"HAS_SINKS", has_sinks()}}};
    combine.args = {Arg::ReadScratch(parts), Sinks(), Arg::Out(y_)};
    combine.groups = n_.Times(heads);
    combine.words = {Word::Of(combine.groups), Word::U(heads), Word::Of(splits)};
    combine.when = when;
    builder_.Add(std::move(combine));
  }

  // `each` bytes for every split, of which the last may not be full.
  Size PartBytes(int64_t each) const {
    Size size = Size::Elems(table_, 1, 2);
    size.dims[0].value += CeilDiv(kSplitKeys, k_.fixed(2));
    return size.Times(k_.fixed(2) * each).DividedBy(kSplitKeys);
  }

  uint32_t has_sinks() const { return sinks_ != CONCORD_NONE; }
  Arg Sinks() const { return Arg::In(has_sinks() ? sinks_ : q_.index); }

  LaunchBuilder& builder_;
  const sdk::Op& op_;
  sdk::Value q_, k_, v_, table_;
  uint32_t sinks_, y_;
  Size n_, keys_;  // rows of q; keys that a row of the table can name
  Cut cut_;
};

sdk::Result<bool> Compile(const sdk::Op& op, LaunchBuilder& builder) {
  Compiler(op, &builder).Run();
  return true;
}

}  // namespace

CONCORD_GPU_OP(attention, CONCORD_OP_ATTENTION, CONCORD_OP_ATTENTION_VERSION, Query, Compile);

}  // namespace concord::gpu
