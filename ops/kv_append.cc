#include "ops/core/numerics.h"

// Writes this step's keys and values into paged state, converting to its type.
// Shapes: k [n, n_kv_heads, d], v [n, n_kv_heads, dv]; k_cache, v_cache of layout kv.paged/1
// [n_blocks, n_kv_heads, block_tokens, d]; slots [n] i32: block · block_tokens + place in the block, -1 = write nowhere
// (a padded step). Slots of one step are distinct; slots past the pool write nowhere.
namespace concord::ops {
namespace {

absl::Status InferKvAppend(const NoAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("slots", {"i32"}));
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("slots", {s.dim("k", 0)}));
  for (const auto& [x, cache] : {std::pair("k", "k_cache"), std::pair("v", "v_cache")}) {
    CONCORD_RETURN_IF_ERROR(s.ExpectRank(x, 3));
    CONCORD_RETURN_IF_ERROR(s.ExpectRank(cache, 4));
    CONCORD_RETURN_IF_ERROR(s.ExpectDims(cache, {s.dim(cache, 0), s.dim(x, 1), s.dim("k_cache", 2), s.dim(x, 2)}));
  }
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("v", {s.dim("k", 0), s.dim("k", 1), s.dim("v", 2)}));
  s.SetOut("k_out", s.In("k_cache"));
  s.SetOut("v_out", s.In("v_cache"));
  return absl::OkStatus();
}

void Append(const TensorView& x, const TensorView& slots, const TensorView& cache) {
  const int64_t heads = x.dim(1), block_tokens = cache.dim(2);
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const int64_t slot = slots.Int(t);
    if (slot < 0 || slot >= cache.dim(0) * block_tokens) continue;
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t row = (slot / block_tokens * heads + h) * block_tokens + slot % block_tokens;
      cache.WriteRow(row, x.Row(t * heads + h).data());
    }
  }
}

void ReferenceKvAppend(const NoAttrs&, const RefArgs& args) {
  Append(args["k"], args["slots"], args["k_cache"]);
  Append(args["v"], args["slots"], args["v_cache"]);
}

double ToleranceKvAppend(const OpCase& c) { return StoreTolerance(*packing::Find(c.Find("k_cache")->packing.c_str())); }

std::vector<OpCase> CasesKvAppend() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0"}) {
    cases.push_back({"kv_append",
                     absl::StrCat(type, "_5x3x64"),
                     {},
                     {In("k", {5, 3, 64}), In("v", {5, 3, 64}), In("k_cache", {4, 3, 16, 64}, type),
                      In("v_cache", {4, 3, 16, 64}, type), In("slots", {5}, "i32", FillGiven({62, 63, 0, -1, 17}))},
                     "f32",
                     "kv.paged/1"});
  }
  // Rows of q8_0 whose bytes are no whole words, and neighbours written in one step.
  for (int64_t d : {32, 96}) {
    cases.push_back(
        {"kv_append",
         absl::StrCat("q8_0_7x3x", d),
         {},
         {In("k", {7, 3, d}), In("v", {7, 3, d}), In("k_cache", {4, 3, 5, d}, "q8_0"),
          In("v_cache", {4, 3, 5, d}, "q8_0"), In("slots", {7}, "i32", FillGiven({0, 1, 2, 3, 11, -1, 19}))},
         "f32",
         "kv.paged/1"});
  }
  cases.push_back({"kv_append",
                   "odd",
                   {},
                   {In("k", {2, 1, 33}), In("v", {2, 1, 7}), In("k_cache", {3, 1, 5, 33}), In("v_cache", {3, 1, 5, 7}),
                    In("slots", {2}, "i32", FillGiven({14, 999}))},
                   "f32",
                   "kv.paged/1"});
  cases.push_back({"kv_append",
                   "no_rows",
                   {},
                   {In("k", {0, 1, 32}), In("v", {0, 1, 32}), In("k_cache", {3, 1, 16, 32}),
                    In("v_cache", {3, 1, 16, 32}), In("slots", {0}, "i32")},
                   "f32",
                   "kv.paged/1"});
  return cases;
}

}  // namespace

CONCORD_DEFINE_OP(kv_append) {
  return OpBuilder<NoAttrs>("kv_append", 1, "write keys and values into paged state")
      .Input("k")
      .Input("v")
      .State("k_cache")
      .State("v_cache")
      .Input("slots")
      .StateOutput("k_out", "k_cache")
      .StateOutput("v_out", "v_cache")
      .Infer(InferKvAppend)
      .Reference(ReferenceKvAppend)
      .Tolerance(ToleranceKvAppend)
      .Cases(CasesKvAppend)
      .Build();
}

}  // namespace concord::ops
