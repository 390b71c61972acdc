#include <algorithm>

#include "ops/core/numerics.h"

// Causal attention of this step's tokens over paged keys and values, grouped query heads (head h reads KV head
// h / (H / Hkv)).
// Shapes: q [n, H, d]; k_cache, v_cache of layout kv.paged/1 [n_blocks, Hkv, block_tokens, d]; block_table
// [n_seqs, max_blocks] i32; q_start [n_seqs + 1] i32, the first row of each sequence in q; kv_len [n_seqs] i32, the
// keys of each sequence with this step's tokens included; sinks [H]; y [n, H, dv]. Token i of sequence s stands at
// position p = kv_len[s] − (q_start[s+1] − q_start[s]) + (i − q_start[s]) and sees key j when j ≤ p, and with window W:
// p − j < W, and with chunk C: p / C = j / C. score = scale · q·k, then softcap · tanh(score / softcap) where softcap >
// 0; sinks are extra logits with value 0. scale 0 means 1 / sqrt(d). Rows of q outside every sequence (padding) are 0.
// Source: Vaswani et al., arXiv:1706.03762; Ainslie et al. (GQA), arXiv:2305.13245; Kwon et al. (paged), 2309.06180.
namespace concord::ops {
namespace {

struct AttentionAttrs {
  double scale = 0;
  double softcap = 0;
  int64_t window = 0;
  int64_t chunk = 0;
  template <typename V>
  void Visit(V& v) {
    v("scale", scale);
    v("softcap", softcap);
    v("window", window);
    v("chunk", chunk);
  }
};

absl::Status InferAttention(const AttentionAttrs& attrs, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("q", 3));
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("k_cache", 4));
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("block_table", 2));
  for (const char* slot : {"block_table", "q_start", "kv_len"}) CONCORD_RETURN_IF_ERROR(s.ExpectPacking(slot, {"i32"}));
  const Dim n_seqs = s.dim("block_table", 0);
  Dim n_starts = n_seqs;
  n_starts.value += 1;
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("q_start", {n_starts}));
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("kv_len", {n_seqs}));
  const Dim heads = s.dim("q", 1), kv_heads = s.dim("k_cache", 1), block_tokens = s.dim("k_cache", 2);
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("k_cache", {s.dim("k_cache", 0), kv_heads, block_tokens, s.dim("q", 2)}));
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("v_cache", {s.dim("k_cache", 0), kv_heads, block_tokens, s.dim("v_cache", 3)}));
  if (s.Has("sinks")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("sinks", {heads}));
  if (kv_heads.value <= 0 || heads.value % kv_heads.value != 0) {
    return absl::InvalidArgumentError(absl::StrCat("attention: ", heads.ToString(), " query heads do not divide among ",
                                                   kv_heads.ToString(), " KV heads"));
  }
  if (attrs.window < 0 || attrs.chunk < 0 || attrs.softcap < 0) {
    return absl::InvalidArgumentError("attention: window, chunk and softcap must not be negative; 0 turns each off");
  }
  s.SetOut("y", TensorType{s.In("q").packing, {s.dim("q", 0), heads, s.dim("v_cache", 3)}, ""});
  return absl::OkStatus();
}

struct Query {
  int64_t row, seq, position;
};

// The rows of k or v of one key of one sequence and head.
int64_t CacheRow(const TensorView& cache, const TensorView& table, int64_t seq, int64_t key, int64_t head) {
  const int64_t block_tokens = cache.dim(2);
  const int64_t block = table.Int(seq * table.dim(1) + key / block_tokens);
  return (block * cache.dim(1) + head) * block_tokens + key % block_tokens;
}

void AttendHead(const AttentionAttrs& attrs, const RefArgs& args, const Query& query, int64_t head) {
  const TensorView &q = args["q"], &k = args["k_cache"], &v = args["v_cache"], &table = args["block_table"];
  const int64_t kv_head = head / (q.dim(1) / k.dim(1)), d = q.dim(2);
  const double scale = attrs.scale == 0 ? 1 / std::sqrt(static_cast<double>(d)) : attrs.scale;
  int64_t first = attrs.window > 0 ? std::max<int64_t>(0, query.position - attrs.window + 1) : 0;
  if (attrs.chunk > 0) first = std::max(first, query.position / attrs.chunk * attrs.chunk);
  const std::vector<double> x = q.Row(query.row * q.dim(1) + head);
  std::vector<double> scores;
  double largest = args.has("sinks") ? args["sinks"].Row(0)[head] : -INFINITY;
  for (int64_t j = first; j <= query.position; ++j) {
    const std::vector<double> key = k.Row(CacheRow(k, table, query.seq, j, kv_head));
    double score = 0;
    for (int64_t i = 0; i < d; ++i) score += x[i] * key[i];
    score *= scale;
    if (attrs.softcap > 0) score = attrs.softcap * std::tanh(score / attrs.softcap);
    scores.push_back(score);
    largest = std::max(largest, score);
  }
  double sum = args.has("sinks") ? std::exp(args["sinks"].Row(0)[head] - largest) : 0;
  std::vector<double> y(v.cols(), 0.0);
  for (int64_t j = first; j <= query.position; ++j) {
    const double p = std::exp(scores[j - first] - largest);
    const std::vector<double> value = v.Row(CacheRow(v, table, query.seq, j, kv_head));
    sum += p;
    for (size_t i = 0; i < y.size(); ++i) y[i] += p * value[i];
  }
  for (double& value : y) value /= sum;
  args["y"].WriteRow(query.row * q.dim(1) + head, y.data());
}

void ReferenceAttention(const AttentionAttrs& attrs, const RefArgs& args) {
  const TensorView &q = args["q"], &q_start = args["q_start"], &kv_len = args["kv_len"], &y = args["y"];
  const std::vector<double> zeros(y.cols(), 0.0);
  for (int64_t r = 0; r < y.rows(); ++r) y.WriteRow(r, zeros.data());
  for (int64_t s = 0; s < kv_len.elems(); ++s) {
    const int64_t begin = q_start.Int(s), end = q_start.Int(s + 1);
    for (int64_t row = begin; row < end; ++row) {
      const Query query{row, s, kv_len.Int(s) - (end - begin) + (row - begin)};
      for (int64_t h = 0; h < q.dim(1); ++h) AttendHead(attrs, args, query, h);
    }
  }
}

// Two dots (width d, then over the keys) and an exponential; scores of size s carry an absolute error of s·u, which
// the exponential turns into a relative one.
double ToleranceAttention(const OpCase& c) {
  return DotTolerance(c.dim("q", 2)) + kEpsF32 * (64.0 + c.dim("k_cache", 2) * c.dim("block_table", 1));
}

struct Seq {
  int64_t n_new, kv_len;
};

OpCase PagedCase(const std::string& name, std::vector<Seq> seqs, std::vector<int64_t> h_hkv_d_dv, int64_t block_tokens,
                 const char* type, Attrs attrs = {}, bool sinks = false) {
  int64_t n = 0, max_blocks = 1, used = 0;
  std::vector<int64_t> q_start = {0}, kv_len;
  for (const Seq& s : seqs) {
    n += s.n_new;
    q_start.push_back(n);
    kv_len.push_back(s.kv_len);
    const int64_t blocks = (s.kv_len + block_tokens - 1) / block_tokens;
    max_blocks = std::max(max_blocks, blocks);
    used += blocks;
  }
  const auto n_seqs = static_cast<int64_t>(seqs.size());
  const int64_t n_blocks = used + 2;
  // Every sequence gets blocks of its own in shuffled order; table entries past its length stay -1.
  const Fill table = [seqs, block_tokens, n_blocks](CaseRng& rng, const TensorView& view) {
    std::vector<int64_t> free(n_blocks);
    for (int64_t i = 0; i < n_blocks; ++i) free[i] = i;
    for (int64_t s = 0; s < view.dim(0); ++s) {
      for (int64_t b = 0; b < view.dim(1); ++b) {
        const bool in_use = b * block_tokens < seqs[s].kv_len;
        int64_t block = -1;
        if (in_use) {
          const int64_t at = rng.Int(0, static_cast<int64_t>(free.size()) - 1);
          block = free[at];
          free.erase(free.begin() + at);
        }
        view.SetInt(s * view.dim(1) + b, block);
      }
    }
  };
  const int64_t heads = h_hkv_d_dv[0], kv_heads = h_hkv_d_dv[1], d = h_hkv_d_dv[2], dv = h_hkv_d_dv[3];
  OpCase c{"attention",
           name,
           std::move(attrs),
           {In("q", {n, heads, d}), In("k_cache", {n_blocks, kv_heads, block_tokens, d}, type),
            In("v_cache", {n_blocks, kv_heads, block_tokens, dv}, type),
            In("block_table", {n_seqs, max_blocks}, "i32", table),
            In("q_start", {n_seqs + 1}, "i32", FillGiven(q_start)), In("kv_len", {n_seqs}, "i32", FillGiven(kv_len))},
           "f32",
           "kv.paged/1"};
  if (sinks) c.inputs.push_back(In("sinks", {heads}));
  return c;
}

std::vector<OpCase> CasesAttention() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0"}) {
    cases.push_back(PagedCase(absl::StrCat("decode_", type), {{1, 77}}, {8, 2, 64, 64}, 16, type));
    cases.push_back(PagedCase(absl::StrCat("prefill_", type), {{37, 37}}, {4, 2, 32, 32}, 16, type));
  }
  cases.push_back(PagedCase("first_token", {{1, 1}}, {4, 4, 64, 64}, 16, "f32"));
  cases.push_back(PagedCase("mixed", {{1, 130}, {9, 9}, {1, 1}, {5, 40}}, {6, 2, 64, 64}, 32, "f32"));
  cases.push_back(PagedCase("odd", {{3, 11}, {2, 2}}, {3, 1, 20, 12}, 5, "f32"));
  cases.push_back(PagedCase("wide_128", {{2, 300}}, {4, 1, 128, 128}, 64, "f16"));
  cases.push_back(PagedCase("window", {{40, 90}, {1, 60}}, {4, 2, 32, 32}, 16, "f32", {{"window", int64_t{17}}}));
  cases.push_back(PagedCase("chunk", {{40, 90}, {1, 60}}, {4, 2, 32, 32}, 16, "f32", {{"chunk", int64_t{24}}}));
  cases.push_back(PagedCase("sinks", {{7, 30}, {1, 60}}, {4, 2, 32, 32}, 16, "f32", {{"window", int64_t{9}}}, true));
  cases.push_back(PagedCase("softcap_scale", {{7, 30}}, {4, 2, 32, 32}, 16, "f32", {{"softcap", 5.0}, {"scale", 2.5}}));
  cases.push_back(PagedCase("idle_sequence", {{0, 12}, {2, 9}}, {4, 2, 32, 32}, 16, "f32"));
  for (const char* type : {"f16", "q8_0"}) {
    cases.push_back(PagedCase(absl::StrCat("d256_", type), {{1, 600}, {30, 60}}, {4, 2, 256, 256}, 32, type));
    cases.push_back(PagedCase(absl::StrCat("20_heads_a_kv_", type), {{2, 300}, {1, 1}, {30, 70}}, {40, 2, 64, 32}, 16,
                              type, {{"softcap", 5.0}}, true));
  }
  // Keys and values of two types or widths; heads as wide as they come.
  for (const auto& [k, v] : {std::pair("f16", "q8_0"), std::pair("q8_0", "f16"), std::pair("bf16", "f32")}) {
    OpCase mixed = PagedCase(absl::StrCat("v_", v), {{1, 300}, {20, 60}}, {4, 2, 64, 64}, 16, k);
    mixed.inputs[2].packing = v;
    cases.push_back(std::move(mixed));
  }
  cases.push_back(PagedCase("d512", {{1, 300}, {20, 40}}, {4, 2, 512, 512}, 16, "f16"));
  cases.push_back(PagedCase("d576_v512", {{1, 300}, {20, 40}}, {6, 1, 576, 512}, 16, "f16"));
  // Long enough to be split, with everything that masks.
  const std::vector<Seq> batch = {{1, 300}, {1, 257}, {1, 256}, {1, 1}, {0, 7}, {1, 99}};
  cases.push_back(PagedCase("batch_window", batch, {8, 2, 64, 64}, 16, "f16", {{"window", int64_t{270}}}, true));
  cases.push_back(PagedCase("batch_chunk", batch, {8, 2, 64, 64}, 16, "f16", {{"chunk", int64_t{100}}}, true));
  cases.push_back(PagedCase("long_mha", {{1, 1900}}, {4, 4, 128, 128}, 64, "f16"));
  for (const int64_t n : {3, 30}) {  // rows of q before and behind all sequences
    OpCase padded = PagedCase(absl::StrCat("padded_", n), {{n, 300}, {2, 9}}, {4, 2, 32, 32}, 16, "f32");
    for (auto& input : padded.inputs) {
      if (input.slot == "q") input.dims[0] += 9;
      if (input.slot == "q_start") input.fill = FillGiven({4, 4 + n, 6 + n});
    }
    cases.push_back(std::move(padded));
  }
  cases.push_back(PagedCase("no_rows", {{0, 12}}, {4, 2, 32, 32}, 16, "f32"));
  return cases;
}

Cost CostAttention(const AttentionAttrs& attrs, const CostArgs& a) {
  int64_t keys = a.kv_len;
  if (attrs.window > 0) keys = std::min(keys, attrs.window);
  if (attrs.chunk > 0) keys = std::min(keys, attrs.chunk);
  const double width = static_cast<double>(a.dim("q", 2) + a.dim("v_cache", 3));
  return {.flops = 2.0 * a.dim("q", 0) * a.dim("q", 1) * keys * width,
          .state_bytes = static_cast<double>(a.dim("block_table", 0) * keys * a.dim("k_cache", 1)) * width,
          .pairs = static_cast<double>(a.dim("q", 0) * a.dim("q", 1) * keys)};
}

}  // namespace

CONCORD_DEFINE_OP(attention) {
  return OpBuilder<AttentionAttrs>("attention", 1, "grouped-query attention over paged keys and values")
      .Input("q")
      .State("k_cache")
      .State("v_cache")
      .Input("block_table")
      .Input("q_start")
      .Input("kv_len")
      .OptionalWeight("sinks")
      .Output("y")
      .Infer(InferAttention)
      .Reference(ReferenceAttention)
      .Tolerance(ToleranceAttention)
      .Cases(CasesAttention)
      .Cost(CostAttention)
      .Build();
}

}  // namespace concord::ops
