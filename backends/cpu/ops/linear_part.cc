#include "backends/cpu/ops/linear_part.h"

namespace concord::cpu {

void LinearPart::Check(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w, Checks* checks) {
  checks->Need(w.rank() == 2 && w.fixed(0) >= 0 && w.fixed(1) >= 0, "weights that are no fixed matrix")
      .Need(x.rank() >= 2, "x of rank 1");
  if (!checks->ok()) return;
  checks->Need(Activation::Of(x).width() == w.fixed(1), "an x whose width is not that of the weights");
  CheckWeights(op, w, checks);
}

void LinearPart::CheckWeights(const sdk::Op& op, const sdk::Value& w, Checks* checks) {
  const std::string packing(w.packing()), arithmetic(op.arithmetic());
  checks->Need(Checks::Decodable(w), "weights of an unknown packing");
  if (!checks->ok()) return;
  const kernels::LinearKernel* kernel = kernels::FindLinear(packing.c_str(), arithmetic.c_str());
  checks->Need(kernel != nullptr, sdk::Cat("weights of type ", packing, " with arithmetic ", arithmetic));
  if (kernel == nullptr) return;
  const int64_t multiple = std::max<int64_t>(kernel->k_multiple, w.desc.type.block_elems);
  checks->Need(w.fixed(-1) % multiple == 0,
               sdk::Cat("rows of ", w.fixed(-1), " elements of ", packing, " with arithmetic ", arithmetic,
                        ", want a multiple of ", multiple));
}

sdk::Result<LinearPart> LinearPart::Make(const sdk::Op& op, const sdk::Value& x, const sdk::Value& w,
                                         StepBuilder& builder) {
  LinearPart part;
  const std::string arithmetic(op.arithmetic());
  part.packing = packing::Find(std::string(w.packing()).c_str());
  part.kernel = kernels::FindLinear(part.packing->name, arithmetic.c_str());
  part.n_out = w.fixed(-2);
  part.k = w.fixed(-1);
  part.workers = builder.workers();
  part.x = Activation::Of(x);
  part.weights_value = w.index;
  const int64_t row_bytes = part.packing->Bytes(part.k);
  part.row_stride_bytes = row_bytes;
  if (const sdk::HostConstant* constant = builder.bindings().constant(w.index)) {
    const concord_constant_desc& desc = constant->desc();
    if (desc.row_stride_bytes != 0) part.row_stride_bytes = static_cast<int64_t>(desc.row_stride_bytes);
    const int64_t rows = part.n_out * (w.rank() == 3 ? w.fixed(0) : 1);
    const uint64_t want = rows == 0 ? 0 : static_cast<uint64_t>((rows - 1) * part.row_stride_bytes + row_bytes);
    if (part.row_stride_bytes < row_bytes || desc.host_size_bytes < want) {
      return sdk::Error(CONCORD_INVALID_ARGUMENT, "constant '", w.name(), "' has ", desc.host_size_bytes,
                        " bytes in rows of ", part.row_stride_bytes, ", want ", want, " in rows of at least ",
                        row_bytes);
    }
    part.fixed_weights = constant->data();
  }
  if (part.kernel->make_rows != nullptr) part.ready_rows = builder.ReadyRows(part.x, part.k, *part.kernel);
  const int64_t m = std::clamp<int64_t>(builder.bindings().capacity(part.x.n), 1, LinearTiling::kMostRows);
  if (part.kernel->scratch_bytes != nullptr) {
    builder.NeedWorkerScratch(static_cast<uint64_t>(part.kernel->scratch_bytes(part.k, m)));
  }
  return part;
}

void LinearPart::Run(const Frame& frame, kernels::LinearTile tile, int64_t matrix) const {
  const char* const weights = fixed_weights != nullptr ? fixed_weights : frame.Data<char>(weights_value);
  tile.packing = packing;
  tile.weights = weights + matrix * n_out * row_stride_bytes;
  tile.row_stride_bytes = row_stride_bytes;
  tile.k = k;
  if (ready_rows != CONCORD_NONE) {
    tile.x = frame.Scratch<char>(ready_rows);
    tile.x_stride_bytes = kernel->x_row_bytes(k);
  } else {
    tile.x = x.data(frame);
    tile.x_stride_bytes = k * static_cast<int64_t>(sizeof(float));
  }
  tile.bias = bias.at(frame);
  if (tile.bias != nullptr) tile.bias += matrix * n_out;
  kernel->run(tile);
}

}  // namespace concord::cpu
