#pragma once

namespace concord::ops {

// Of rms_norm and of what contains it: see ops/rms_norm.cc.
struct RmsNormAttrs {
  double eps = 1e-6;
  bool add_one = false;
  template <typename V>
  void Visit(V& v) {
    v("eps", eps);
    v("add_one", add_one);
  }
};

}  // namespace concord::ops
