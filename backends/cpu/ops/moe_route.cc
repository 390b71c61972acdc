#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "backends/sdk/op_checks.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

enum class Func { kSoftmax, kSigmoid, kSoftmaxAfter, kSqrtSoftplus };

struct Routing {
  Func func = Func::kSoftmax;
  int64_t k = 1, groups = 1, topk_group = 1;
  bool top2 = false;
  bool normalise = false;
  float scale = 1;

  static Routing Of(const sdk::Op& op) {
    const sdk::Attrs& attrs = op.attrs();
    Routing r;
    const std::string_view func = attrs.String(CONCORD_MOE_ROUTE_ATTR_FUNC, CONCORD_MOE_ROUTE_DEFAULT_FUNC);
    r.func = func == "sigmoid"         ? Func::kSigmoid
             : func == "softmax_after" ? Func::kSoftmaxAfter
             : func == "sqrt_softplus" ? Func::kSqrtSoftplus
                                       : Func::kSoftmax;
    r.k = attrs.Int(CONCORD_MOE_ROUTE_ATTR_K, CONCORD_MOE_ROUTE_DEFAULT_K);
    r.groups = attrs.Int(CONCORD_MOE_ROUTE_ATTR_GROUPS, CONCORD_MOE_ROUTE_DEFAULT_GROUPS);
    r.topk_group = attrs.Int(CONCORD_MOE_ROUTE_ATTR_TOPK_GROUP, CONCORD_MOE_ROUTE_DEFAULT_TOPK_GROUP);
    r.top2 = attrs.String(CONCORD_MOE_ROUTE_ATTR_GROUP_SCORE, CONCORD_MOE_ROUTE_DEFAULT_GROUP_SCORE) == "top2";
    r.normalise = attrs.Int(CONCORD_MOE_ROUTE_ATTR_NORMALISE, CONCORD_MOE_ROUTE_DEFAULT_NORMALISE) != 0;
    r.scale = static_cast<float>(attrs.Float(CONCORD_MOE_ROUTE_ATTR_SCALE, CONCORD_MOE_ROUTE_DEFAULT_SCALE));
    return r;
  }
};

// NaN is smaller than everything.
bool Above(float a, float b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

// The largest of v[begin, end) that is not taken, the lowest index of equals; -1 when all are.
int64_t Best(const float* v, const char* taken, int64_t begin, int64_t end) {
  int64_t best = -1;
  for (int64_t i = begin; i < end; ++i) {
    if (taken[i] == 0 && (best < 0 || Above(v[i], v[best]))) best = i;
  }
  return best;
}

// One token is some thousand operations, so that they are plain loops; tiles are tokens.
class MoeRouteStep final : public Step {
 public:
  MoeRouteStep(const kernels::KernelTable& kernels, const sdk::Op& op, FloatVector bias)
      : kernels_(kernels),
        logits_(Activation::Of(op.input(CONCORD_MOE_ROUTE_IN_LOGITS))),
        routing_(Routing::Of(op)),
        bias_(bias),
        forced_(op.has_input(CONCORD_MOE_ROUTE_IN_FORCED_IDS) ? op.input_index(CONCORD_MOE_ROUTE_IN_FORCED_IDS)
                                                              : CONCORD_NONE),
        ids_(op.output_index(CONCORD_MOE_ROUTE_OUT_IDS)),
        weights_(op.output_index(CONCORD_MOE_ROUTE_OUT_WEIGHTS)),
        rows_per_tile_(std::max<int64_t>(1, 32768 / (logits_.cols * (8 + routing_.k)))) {}

  // Scores, what is compared, the worth of each group; then what is taken, of experts and groups.
  uint64_t worker_bytes() const {
    return static_cast<uint64_t>(2 * logits_.cols + routing_.groups) * sizeof(float) +
           static_cast<uint64_t>(logits_.cols + routing_.groups);
  }

  int64_t Tiles(const Frame& frame) const override { return CeilDiv(logits_.rows(frame), rows_per_tile_); }
  void Run(const Frame& frame, int64_t tile, uint32_t worker) const override {
    const int64_t begin = tile * rows_per_tile_, end = std::min(begin + rows_per_tile_, logits_.rows(frame));
    for (int64_t t = begin; t < end; ++t) RunRow(frame, t, worker);
  }

 private:
  void RunRow(const Frame& frame, int64_t t, uint32_t worker) const {
    const int64_t experts = logits_.cols, k = routing_.k;
    const float* const z = logits_.data(frame) + t * experts;
    float* const scores = reinterpret_cast<float*>(frame.Worker(worker));
    int32_t* const ids = frame.Data<int32_t>(ids_) + t * k;
    Score(z, scores);
    if (forced_ != CONCORD_NONE) {
      std::memcpy(ids, frame.Data<int32_t>(forced_) + t * k, static_cast<size_t>(k) * sizeof(int32_t));
    } else {
      Select(z, bias_.at(frame), scores, ids);
    }
    Weigh(scores, ids, frame.Data<float>(weights_) + t * k);
  }

  void Score(const float* z, float* scores) const {
    const int64_t n = logits_.cols;
    switch (routing_.func) {
      case Func::kSoftmax:
        return kernels_.softmax(z, scores, n);
      case Func::kSigmoid:
        return kernels_.unary(kernels::Unary::kSigmoid, z, scores, n);
      case Func::kSqrtSoftplus:
        kernels_.unary(kernels::Unary::kSoftplus, z, scores, n);
        return kernels_.unary(kernels::Unary::kSqrt, scores, scores, n);
      case Func::kSoftmaxAfter:
        std::memcpy(scores, z, static_cast<size_t>(n) * sizeof(float));
    }
  }

  // Without a bias the logits themselves are compared: ops/moe_route.cc says why.
  void Select(const float* z, const float* bias, float* scores, int32_t* ids) const {
    const int64_t experts = logits_.cols, groups = routing_.groups, size = std::max<int64_t>(1, experts / groups);
    float* const sums = scores + experts;
    float* const worth = sums + experts;
    char* const taken = reinterpret_cast<char*>(worth + groups);
    if (bias != nullptr) kernels_.add(scores, bias, sums, experts);
    const float* const selection = bias != nullptr ? sums : z;
    std::memset(taken, 0, static_cast<size_t>(experts));
    if (groups > 1) {
      char* const kept = taken + experts;
      std::memset(kept, 0, static_cast<size_t>(groups));
      for (int64_t g = 0; g < groups; ++g) worth[g] = Worth(selection, taken, g * size, (g + 1) * size);
      for (int64_t i = 0; i < routing_.topk_group; ++i) kept[Best(worth, kept, 0, groups)] = 1;
      for (int64_t e = 0; e < experts; ++e) taken[e] = kept[e / size] == 0;
    }
    for (int64_t j = 0; j < routing_.k; ++j) {
      const int64_t best = Best(selection, taken, 0, experts);
      taken[best] = 1;
      ids[j] = static_cast<int32_t>(best);
    }
  }

  float Worth(const float* selection, char* taken, int64_t begin, int64_t end) const {
    const int64_t first = Best(selection, taken, begin, end);
    if (!routing_.top2) return selection[first];
    taken[first] = 1;
    const int64_t second = Best(selection, taken, begin, end);
    taken[first] = 0;
    return selection[first] + selection[second];
  }

  void Weigh(const float* scores, const int32_t* ids, float* weights) const {
    const int64_t k = routing_.k;
    const auto known = [&](int64_t j) { return ids[j] >= 0 && ids[j] < logits_.cols; };
    const bool after = routing_.func == Func::kSoftmaxAfter;
    const float absent = after ? -std::numeric_limits<float>::infinity() : 0.0f;
    for (int64_t j = 0; j < k; ++j) weights[j] = known(j) ? scores[ids[j]] : absent;
    if (after) kernels_.softmax(weights, weights, k);
    float sum = 1e-20f;
    for (int64_t j = 0; j < k; ++j) {
      if (!known(j)) weights[j] = 0.0f;
      sum += weights[j];
    }
    for (int64_t j = 0; j < k; ++j) weights[j] = (routing_.normalise ? weights[j] / sum : weights[j]) * routing_.scale;
  }

  const kernels::KernelTable& kernels_;
  Activation logits_;
  Routing routing_;
  FloatVector bias_;
  uint32_t forced_, ids_, weights_;
  int64_t rows_per_tile_;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  sdk::CheckMoeRoute(op, &checks);
  if (!checks.ok()) return checks.Answer();
  const Routing r = Routing::Of(op);
  const int64_t experts = op.input(CONCORD_MOE_ROUTE_IN_LOGITS).fixed(1);
  checks.Need(r.groups >= 1 && experts % r.groups == 0 && r.topk_group >= 1 && r.topk_group <= r.groups &&
                  (r.groups == 1 || r.topk_group * (experts / r.groups) >= r.k) &&
                  (r.groups == 1 || !r.top2 || experts / r.groups >= 2),
              "groups that hold too few experts");
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  sdk::Result<FloatVector> bias =
      builder.Floats(op.input(CONCORD_MOE_ROUTE_IN_BIAS), op.input(CONCORD_MOE_ROUTE_IN_LOGITS).fixed(1));
  if (!bias.ok()) return bias.status();
  auto step = std::make_unique<MoeRouteStep>(builder.kernels(), op, *bias);
  builder.NeedWorkerScratch(step->worker_bytes());
  return std::unique_ptr<Step>(std::move(step));
}

}  // namespace

CONCORD_CPU_OP(moe_route, CONCORD_OP_MOE_ROUTE, CONCORD_OP_MOE_ROUTE_VERSION, Query, Compile);

}  // namespace concord::cpu
