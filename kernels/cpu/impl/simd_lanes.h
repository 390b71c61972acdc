#pragma once

// Included by simd_quarters.h and simd_halves.h: sixteen lanes as registers of kPartBytes. gcc 12 keeps a vector of 64
// bytes in memory on machines without registers of that size, and loads and stores it around every operation; in this
// form sums stay in registers. The operations are those of simd_vector.h, lane by lane, so the bits are the same.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

template <typename T>
struct Lanes {
  typedef T Part __attribute__((vector_size(kPartBytes)));
  Part p[64 / kPartBytes];

  // The same bits under another type, as a cast of vectors.
  template <typename U>
  CONCORD_INLINE_MEMBER explicit operator Lanes<U>() const {
    typedef typename Lanes<U>::Part To;
    return {CONCORD_PARTS((To)p[0], (To)p[1], (To)p[2], (To)p[3])};
  }
  CONCORD_INLINE_MEMBER T operator[](int i) const {
    constexpr int kPartLanes = kPartBytes / 4;
    return p[i / kPartLanes][i % kPartLanes];
  }
};
typedef Lanes<float> VecF;
typedef Lanes<int32_t> VecI;
typedef Lanes<uint32_t> VecU;

#define CONCORD_LANES_OPERATOR(op)                                                                  \
  template <typename T>                                                                             \
  CONCORD_INLINE Lanes<T> operator op(Lanes<T> a, Lanes<T> b) {                                     \
    return {CONCORD_PARTS(a.p[0] op b.p[0], a.p[1] op b.p[1], a.p[2] op b.p[2], a.p[3] op b.p[3])}; \
  }
CONCORD_LANES_OPERATOR(+)
CONCORD_LANES_OPERATOR(-)
CONCORD_LANES_OPERATOR(*)
CONCORD_LANES_OPERATOR(/)
CONCORD_LANES_OPERATOR(&)
CONCORD_LANES_OPERATOR(|)
#undef CONCORD_LANES_OPERATOR

// All ones where it holds, else 0.
#define CONCORD_LANES_COMPARISON(op)                                                                \
  template <typename T>                                                                             \
  CONCORD_INLINE VecI operator op(Lanes<T> a, Lanes<T> b) {                                         \
    return {CONCORD_PARTS(a.p[0] op b.p[0], a.p[1] op b.p[1], a.p[2] op b.p[2], a.p[3] op b.p[3])}; \
  }
CONCORD_LANES_COMPARISON(<)
CONCORD_LANES_COMPARISON(>)
CONCORD_LANES_COMPARISON(<=)
CONCORD_LANES_COMPARISON(>=)
#undef CONCORD_LANES_COMPARISON

template <typename T>
CONCORD_INLINE Lanes<T> operator<<(Lanes<T> a, int n) {
  return {CONCORD_PARTS(a.p[0] << n, a.p[1] << n, a.p[2] << n, a.p[3] << n)};
}
template <typename T>
CONCORD_INLINE Lanes<T> operator>>(Lanes<T> a, int n) {
  return {CONCORD_PARTS(a.p[0] >> n, a.p[1] >> n, a.p[2] >> n, a.p[3] >> n)};
}
template <typename T>
CONCORD_INLINE Lanes<T> operator~(Lanes<T> a) {
  return {CONCORD_PARTS(~a.p[0], ~a.p[1], ~a.p[2], ~a.p[3])};
}
template <typename T>
CONCORD_INLINE Lanes<T> operator-(Lanes<T> a) {
  return {CONCORD_PARTS(-a.p[0], -a.p[1], -a.p[2], -a.p[3])};
}
template <typename T>
CONCORD_INLINE Lanes<T>& operator+=(Lanes<T>& a, Lanes<T> b) {
  return a = a + b;
}

CONCORD_INLINE void Store(float* p, VecF v) {
  CONCORD_UNROLL for (int i = 0; i < 64 / kPartBytes; ++i) {
    __builtin_memcpy(p + kPartBytes / 4 * i, &v.p[i], kPartBytes);
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
