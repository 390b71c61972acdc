#include <cstring>

#include "backends/cpu/checks.h"
#include "backends/cpu/op_rows.h"
#include "concord/ops.h"

namespace concord::cpu {
namespace {

class EmbedStep final : public RowStep {
 public:
  EmbedStep(const kernels::KernelTable& kernels, const packing::Packing& packing, const sdk::Op& op)
      : RowStep(Activation::Of(op.output(CONCORD_EMBED_OUT_Y))),
        kernels_(kernels),
        packing_(packing),
        ids_(op.input_index(CONCORD_EMBED_IN_IDS)),
        table_(op.input_index(CONCORD_EMBED_IN_TABLE)),
        n_rows_(op.input(CONCORD_EMBED_IN_TABLE).fixed(0)) {}

  sdk::Status BindTable(const sdk::Value& table, const StepBuilder& builder) {
    const int64_t row_bytes = packing_.Bytes(shape().cols);
    row_stride_bytes_ = row_bytes;
    const sdk::HostConstant* constant = builder.bindings().constant(table.index);
    if (constant == nullptr) return sdk::Ok();
    const concord_constant_desc& desc = constant->desc();
    if (desc.row_stride_bytes != 0) row_stride_bytes_ = static_cast<int64_t>(desc.row_stride_bytes);
    const uint64_t want = n_rows_ == 0 ? 0 : static_cast<uint64_t>((n_rows_ - 1) * row_stride_bytes_ + row_bytes);
    if (row_stride_bytes_ >= row_bytes && desc.host_size_bytes >= want) return sdk::Ok();
    return sdk::Error(CONCORD_INVALID_ARGUMENT, "constant '", table.name(), "' has ", desc.host_size_bytes,
                      " bytes, want ", want);
  }

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const override {
    const int32_t* const ids = frame.Data<int32_t>(ids_);
    const int64_t cols = shape().cols;
    for (int64_t t = begin; t < end; ++t) {
      float* const y = shape().data(frame) + t * cols;
      if (ids[t] < 0 || ids[t] >= n_rows_) {
        std::memset(y, 0, static_cast<size_t>(cols) * sizeof(float));
      } else {
        kernels_.decode_row(packing_, frame.Data<char>(table_) + ids[t] * row_stride_bytes_, cols, y);
      }
    }
  }

  const kernels::KernelTable& kernels_;
  const packing::Packing& packing_;
  uint32_t ids_, table_;
  int64_t n_rows_;
  int64_t row_stride_bytes_ = 0;
};

sdk::Support Query(const sdk::Op& op) {
  Checks checks(op);
  const sdk::Value table = op.input(CONCORD_EMBED_IN_TABLE), ids = op.input(CONCORD_EMBED_IN_IDS);
  checks.Int32({CONCORD_EMBED_IN_IDS})
      .Outputs({CONCORD_EMBED_OUT_Y})
      .Attributes({})
      .Need(table.rank() == 2 && table.fixed(0) >= 0 && table.fixed(1) >= 0, "a table that is no fixed matrix")
      .Need(ids.rank() == 1, "ids that are no vector");
  if (checks.ok()) {
    const sdk::Value y = op.output(CONCORD_EMBED_OUT_Y);
    checks.Need(Checks::Decodable(table), sdk::Cat("a table of type ", table.packing()))
        .Need(y.rank() == 2 && y.fixed(1) == table.fixed(1) && y.dim(0).symbol == ids.dim(0).symbol &&
                  y.dim(0).value == ids.dim(0).value,
              "a y of another shape than [n, d]")
        .Need(table.fixed(1) % table.desc.type.block_elems == 0, "rows that are not whole blocks");
  }
  return checks.Answer();
}

sdk::Result<std::unique_ptr<Step>> Compile(const sdk::Op& op, StepBuilder& builder) {
  const sdk::Value table = op.input(CONCORD_EMBED_IN_TABLE);
  auto step = std::make_unique<EmbedStep>(builder.kernels(), *packing::Find(std::string(table.packing()).c_str()), op);
  sdk::Status status = step->BindTable(table, builder);
  if (!status.ok()) return status;
  return std::unique_ptr<Step>(std::move(step));
}

}  // namespace

CONCORD_CPU_OP(embed, CONCORD_OP_EMBED, CONCORD_OP_EMBED_VERSION, Query, Compile);

}  // namespace concord::cpu
