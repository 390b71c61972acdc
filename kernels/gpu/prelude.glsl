// The dialect of kernels/gpu in GLSL. A kernel says what it works with in four lists and then its body:
//   SPECS(S)       S(id, type, NAME)       constants that it is specialised by; 0 is WG, the invocations of a workgroup
//   BUFFERS(I, O)  I(binding, type, name)  what it reads, O(..) what it writes (and may read)
//   PARAMS(P)      P(type, name)           32-bit values of the launch, at most 32
//   SHARED(S)      S(type, name, length)   memory of the workgroup
// and between KERNEL_BEGIN and KERNEL_END LOCAL_ID, GROUP (the flat number of the workgroup), LAYER. The same text is OpenCL C
// behind prelude.cl, so: no pointers, no vectors but F4, U4 and H2, arrays for functions by IN_ARRAY and OUT_ARRAY.
//   H2             two halves, AS_H2 of the word that they lie in; where the device does not compute with halves, two floats
#extension GL_EXT_control_flow_attributes : enable
#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#ifdef FP16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define H2 f16vec2
#define AS_H2(word) unpackFloat2x16(word)
#else
#define H2 vec2
#define AS_H2(word) unpackHalf2x16(word)
#endif
#ifdef INT8_DOT  // OpSDot of four int8 packed in a word, which the language has no name for
#extension GL_EXT_spirv_intrinsics : require
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int sdot_packed(uint a, uint b, spirv_literal int format);
#define DOT4(a, b, acc) (sdot_packed(a, b, 0) + (acc))
#endif

#define U4 uvec4
#define MAKE_U4(x) U4(x)
#define MAKE_H2(x) H2(x)
#define F4 vec4
#define F32(x) float(x)
#define U32(x) uint(x)
#define I32(x) int(x)
#define AS_F32(x) uintBitsToFloat(x)
#define AS_U32(x) floatBitsToUint(x)
#define IN_ARRAY(type, name, length) in type name[length]
#define OUT_ARRAY(type, name, length) out type name[length]
#define INOUT_ARRAY(type, name, length) inout type name[length]
#define UNROLL [[unroll]]
#define RSQRT(x) inversesqrt(x)
#define ROUND_EVEN(x) roundEven(x)
#define BARRIER barrier()
#define ATOMIC_AND(buffer_, i, bits) atomicAnd(buffer_[i], bits)
#define ATOMIC_OR(buffer_, i, bits) atomicOr(buffer_[i], bits)

#define LOCAL_ID gl_LocalInvocationID.x
#define GROUP (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x)
#define LAYER gl_WorkGroupID.z

uint mul_hi(uint a, uint b) {
  uint high, low;
  umulExtended(a, b, high, low);
  return high;
}
float half_at(uint word, uint odd) { return unpackHalf2x16(odd == 0u ? word : word >> 16).x; }

#define GLSL_SPEC(id, type, name) layout(constant_id = id) const type name = 1;
#define GLSL_IN(at, type, name) layout(std430, set = 0, binding = at) readonly buffer Buffer_##name { type name[]; };
#define GLSL_OUT(at, type, name) layout(std430, set = 0, binding = at) buffer Buffer_##name { type name[]; };
#define GLSL_PARAM(type, name) type name;
#define GLSL_SHARED(type, name, length) shared type name[length];

#define DECLARE_SPECS SPECS(GLSL_SPEC) layout(local_size_x_id = 0) in;
#define KERNEL_BEGIN                                             \
  BUFFERS(GLSL_IN, GLSL_OUT)                                     \
  layout(push_constant) uniform Params { PARAMS(GLSL_PARAM) };   \
  SHARED(GLSL_SHARED)                                            \
  void main() {
#define KERNEL_END }

#ifdef SUBGROUPS
#define N_SUBGROUPS gl_NumSubgroups
#define SUBGROUP gl_SubgroupID
#define SUBGROUP_LANE gl_SubgroupInvocationID
#define SUBGROUP_SUM(x) subgroupAdd(x)
#define SUBGROUP_MAX(x) subgroupMax(x)
#endif
