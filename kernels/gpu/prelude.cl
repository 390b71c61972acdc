// The dialect of kernels/gpu in OpenCL C 1.2; what it consists of stands in prelude.glsl. Specs arrive as macros; buffers as
// a pointer and how many units of 16 bytes, which every alignment of a binding is a multiple of, lie before the first
// element: 32 bits reach further then.
#if defined(SUBGROUPS) && defined(cl_khr_subgroups)
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#ifdef FP16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define H2 half2
#define MAKE_H2(x) ((half2)((half)(x)))
#define AS_H2(word) as_half2(word)
#else
#define H2 float2
#define MAKE_H2(x) ((float2)(x))
#define AS_H2(word) h2_at(word)
#endif
#if defined(INT8_DOT) && defined(__opencl_c_integer_dot_product_input_4x8bit_packed)
#define DOT4(a, b, acc) (dot_4x8packed_ss_int(a, b) + (acc))
#endif

#define U4 uint4
#define F4 float4
#define MAKE_U4(x) ((uint4)(x))
#define F32(x) ((float)(x))
#define U32(x) ((uint)(x))
#define I32(x) ((int)(x))
#define AS_F32(x) as_float(x)
#define AS_U32(x) as_uint(x)
#define IN_ARRAY(type, name, length) const type* name
#define OUT_ARRAY(type, name, length) type* name
#define INOUT_ARRAY(type, name, length) type* name
#define UNROLL
#define RSQRT(x) rsqrt(x)
#define ROUND_EVEN(x) rint(x)
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define ATOMIC_AND(buffer_, i, bits) atomic_and(&buffer_[i], bits)
#define ATOMIC_OR(buffer_, i, bits) atomic_or(&buffer_[i], bits)

#define LOCAL_ID ((uint)get_local_id(0))
#define GROUP ((uint)(get_group_id(1) * get_num_groups(0) + get_group_id(0)))
#define LAYER ((uint)get_group_id(2))

float half_at(uint word, uint odd) {
  const uint bits = odd == 0u ? word : word >> 16;
  return vload_half(0, (const __private half*)&bits);
}

#ifndef FP16
float2 h2_at(uint word) { return vload_half2(0, (const __private half*)&word); }
#endif

#define CL_IN(at, type, name) __global const type *restrict name, uint name##_at,
#define CL_OUT(at, type, name) __global type *name, uint name##_at,
#define CL_MOVE_IN(at, type, name) name = (__global const type *)((__global const uint4 *)name + name##_at);
#define CL_MOVE_OUT(at, type, name) name = (__global type *)((__global uint4 *)name + name##_at);
#define CL_PARAM(type, name) type name,
#define CL_SHARED(type, name, length) __local type name[length];

#define DECLARE_SPECS
#define KERNEL_BEGIN                                                                                    \
  __kernel __attribute__((reqd_work_group_size(WG, 1, 1))) void kernel_main(                            \
      BUFFERS(CL_IN, CL_OUT) PARAMS(CL_PARAM) uint end_of_params) {                                     \
    BUFFERS(CL_MOVE_IN, CL_MOVE_OUT)                                                                    \
    SHARED(CL_SHARED)
#define KERNEL_END }

#ifdef SUBGROUPS
#define N_SUBGROUPS get_num_sub_groups()
#define SUBGROUP get_sub_group_id()
#define SUBGROUP_LANE get_sub_group_local_id()
#define SUBGROUP_SUM(x) sub_group_reduce_add(x)
#define SUBGROUP_MAX(x) sub_group_reduce_max(x)
#endif
