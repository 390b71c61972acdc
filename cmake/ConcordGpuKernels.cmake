# The kernels of all GPU languages, a file each: kernels/gpu/<word>.kernel. Sorted; adding one is one file and one line.
set(concord_gpu_plain_kernels
  attention
  attention_combine
  binary
  glu
  kv_append
  map
  norm
  rope
  take_rows
)
# Once for each packing of weights: kernels/gpu/packing/<word>.inc.
set(concord_gpu_packed_kernels
  embed
  linear_mat
  linear_vec
)
set(concord_gpu_packings
  bf16
  f16
  f32
  mxfp4
  q4_0
  q4_k
  q6_k
  q8_0
)

# concord_gpu_kernels(OUT): the names of all, "norm" and "linear_vec.q4_k"; for a name, concord_gpu_kernel_parts(NAME OUT)
# gives the files that make it, in order, after the prelude of its language; concord_gpu_kernel_reduces(NAME OUT) whether
# it reduces over a workgroup, and so has a variant with subgroup operations.
function(concord_gpu_kernels out)
  set(names ${concord_gpu_plain_kernels})
  foreach(kernel ${concord_gpu_packed_kernels})
    foreach(packing ${concord_gpu_packings})
      list(APPEND names ${kernel}.${packing})
    endforeach()
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

function(concord_gpu_kernel_parts name out)
  string(REPLACE "." ";" words ${name})
  list(GET words 0 kernel)
  set(parts common.inc math.inc)
  list(LENGTH words count)
  if(count EQUAL 2)
    list(GET words 1 packing)
    list(APPEND parts packing/${packing}.inc weights.inc)
  endif()
  set(${out} ${parts} ${kernel}.kernel PARENT_SCOPE)
endfunction()

function(concord_gpu_kernel_reduces name out)
  string(REGEX REPLACE "[.].*" "" kernel ${name})
  file(STRINGS "${CONCORD_SOURCE_ROOT}/kernels/gpu/${kernel}.kernel" reductions REGEX "GROUP_SUM|GROUP_MAX|SUBGROUPS")
  if(reductions)
    set(${out} true PARENT_SCOPE)
  else()
    set(${out} false PARENT_SCOPE)
  endif()
endfunction()
