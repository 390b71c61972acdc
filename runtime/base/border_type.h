#pragma once

#include "concord/plugin.h"
#include "runtime/base/packing/packing.h"

namespace concord {

// A packing in the form of the border. Its name lives for ever.
concord_type BorderType(const packing::Packing& packing);

}  // namespace concord
