# The kernels of all GPU languages, a file each: kernels/gpu/<word>.kernel. Sorted; adding one is one file and one line.
set(concord_gpu_plain_kernels
  attention
  attention_combine
  binary
  glu
  half_rows
  kv_append
  map
  norm
  quantize_rows
  rope
  take_rows
)
# Once for each packing of weights: kernels/gpu/packing/<word>.inc.
set(concord_gpu_packed_kernels
  embed
  linear_mat
  linear_vec
)
set(concord_gpu_packed_packings
  bf16
  f16
  f32
  mxfp4
  q4_0
  q4_k
  q6_k
  q8_0
)
# Once for each packing of units of 32, which have an INT8_PARTS.
set(concord_gpu_int8_kernels
  linear_mat_int8
  linear_vec_int8
)
set(concord_gpu_int8_packings
  mxfp4
  q4_0
  q4_k
  q6_k
  q8_0
)

# Of weights that are halves.
set(concord_gpu_f16_kernels
  linear_mat_f16
)
set(concord_gpu_f16_packings
  f16
)

# What kernels use where the device has it: bits of a mask, as in backends/gpu/kernel_variants.h.
set(concord_gpu_features SUBGROUPS INT8_DOT FP16)
set(concord_gpu_use_of_SUBGROUPS "GROUP_SUM|GROUP_MAX|SUBGROUPS")
set(concord_gpu_use_of_INT8_DOT "DOT4")
set(concord_gpu_use_of_FP16 "AS_H2")

# concord_gpu_kernels(OUT): the names of all, "norm" and "linear_vec.q4_k"; for a name, concord_gpu_kernel_parts(NAME OUT)
# gives the files that make it, in order, after the prelude of its language; concord_gpu_kernel_features(NAME OUT) the
# features that it has a use for, each of which makes another variant of it; concord_gpu_feature_flags(MASK OUT) what a
# variant is compiled with.
function(concord_gpu_kernels out)
  set(names ${concord_gpu_plain_kernels})
  foreach(kind packed int8 f16)
    foreach(kernel ${concord_gpu_${kind}_kernels})
      foreach(packing ${concord_gpu_${kind}_packings})
        list(APPEND names ${kernel}.${packing})
      endforeach()
    endforeach()
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# The text of NAME itself: <word>.kernel, and behind it <word>.inc, for <word>_int8 and
# <word>_f16 the same: what they share.
function(concord_gpu_kernel_texts name out)
  string(REGEX REPLACE "[.].*" "" kernel ${name})
  string(REGEX REPLACE "_(int8|f16)$" "" shared ${kernel})
  set(texts ${kernel}.kernel)
  if(EXISTS "${CONCORD_SOURCE_ROOT}/kernels/gpu/${shared}.inc")
    list(APPEND texts ${shared}.inc)
  endif()
  set(${out} ${texts} PARENT_SCOPE)
endfunction()

function(concord_gpu_kernel_parts name out)
  set(parts common.inc math.inc)
  string(REGEX MATCH "[.](.*)" suffix ${name})
  if(suffix)
    list(APPEND parts packing/${CMAKE_MATCH_1}.inc weights.inc)
  endif()
  concord_gpu_kernel_texts(${name} texts)
  set(${out} ${parts} ${texts} PARENT_SCOPE)
endfunction()

function(concord_gpu_kernel_features name out)
  concord_gpu_kernel_texts(${name} texts)
  set(mask 0)
  set(bit 1)
  foreach(feature ${concord_gpu_features})
    foreach(text ${texts})
      file(STRINGS "${CONCORD_SOURCE_ROOT}/kernels/gpu/${text}" uses REGEX "${concord_gpu_use_of_${feature}}")
      if(uses)
        math(EXPR mask "${mask} | ${bit}")
      endif()
    endforeach()
    math(EXPR bit "${bit} * 2")
  endforeach()
  set(${out} ${mask} PARENT_SCOPE)
endfunction()

function(concord_gpu_feature_flags mask out)
  set(flags "")
  foreach(feature ${concord_gpu_features})
    math(EXPR has "${mask} % 2")
    math(EXPR mask "${mask} / 2")
    if(has)
      list(APPEND flags -D${feature})
    endif()
  endforeach()
  set(${out} ${flags} PARENT_SCOPE)
endfunction()
