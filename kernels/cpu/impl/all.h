#pragma once

#include "kernels/cpu/impl/attention.h"
#include "kernels/cpu/impl/linear_list.h"
#include "kernels/cpu/impl/quantize.h"
#include "kernels/cpu/impl/rope.h"
#include "kernels/cpu/impl/row_ops.h"
#include "kernels/cpu/isa/variants.h"

// The kernels of one instruction set, by the names of kernel_table.h.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

const KernelTable kTable = {
    CONCORD_ISA_VALUE, RmsNorm,    LayerNorm, L2Norm,    Softmax,   Glu,  UnaryRow, AddRow,    MulRow,
    ScaleRow,          LogitsPost, ArgMax,    DecodeRow, RopeTable, Rope, KvAppend, Attention, WeightedSum,
};

const LinearKernel* LinearList(int32_t* count) {
  *count = static_cast<int32_t>(sizeof(kLinearKernels) / sizeof(kLinearKernels[0]));
  return kLinearKernels;
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
