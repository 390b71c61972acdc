#pragma once

#include <string>

namespace concord::ops {

// Of glu and of what contains it: see ops/glu.cc.
struct GluAttrs {
  std::string act = "silu";
  std::string clamp = "none";
  double alpha = 1;
  double limit = 0;
  bool plus_one = false;
  template <typename V>
  void Visit(V& v) {
    v("act", act);
    v("clamp", clamp);
    v("alpha", alpha);
    v("limit", limit);
    v("plus_one", plus_one);
  }
};

}  // namespace concord::ops
