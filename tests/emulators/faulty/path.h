#pragma once

// The plugin of this folder, for --plugin. Its devices are called faulty:0, faulty:1 ...: kFaults in plugin.cc, in
// order.
#define CONCORD_FAULTY_PLUGIN (CONCORD_BINARY_DIR "/tests/plugins/libconcord_backend_faulty.so")

namespace concord::faulty {

// What is wrong with a device, by its index.
enum Fault {
  kNone,             // nothing: what the others differ from
  kScaled,           // rms_norm comes out 1.01 times what it should be
  kScaledDeep,       // so do the logits of whole models; single ops are right
  kUnsteady,         // rms_norm has another last bit in every second run
  kOverrun,          // rms_norm writes four bytes past its output
  kSilent,           // says no to rms_norm without a reason
  kPromising,        // says yes to rms_norm, and cannot compile it
  kFickle,           // answers another reason each time that it is asked about rms_norm
  kLeaky,            // keeps the memory of its buffers
  kGenerous,         // has memory for every size that is asked for
  kImpatient,        // a wait that times out says that the value was reached
  kCareless,         // copies from the beginning of the source, whatever the offset
  kScaledLinear,     // linear comes out 1.01 times what it should be
  kScaledAttention,  // so does attention
  kScaledShared,     // so does what programs of many ops make whose values share memory; others are right
  kFaults,
};

}  // namespace concord::faulty
