#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concord {

// What a device would have of a model. In bytes and seconds.
struct PlanDevice {
  std::string device;               // "vulkan:0"
  std::string units;                // "embed, layers 0-7"
  int64_t weight_bytes_mapped = 0;  // used in the file where they lie; may exceed memory
  int64_t weight_bytes_made = 0;    // converted, or copied to the device
  int64_t kv_bytes = 0;
  int64_t activation_bytes = 0;
  int64_t scratch_bytes = -1;  // that the device adds for itself; -1: it does not say before weights are there
  int64_t io_bytes = 0;        // inputs, logits and what goes to other devices
  int64_t staging_bytes = 0;   // of the host's memory, through which copies to and from the device go
  int64_t free_bytes = -1;     // -1: unknown
  double decode_seconds = 0;   // its part of a step, copies aside; 0: not predicted
  double prefill_seconds = 0;

  // Of what free_bytes is there for.
  int64_t device_bytes() const {
    return weight_bytes_made + kv_bytes + activation_bytes + (scratch_bytes > 0 ? scratch_bytes : 0) + io_bytes;
  }
  int64_t resident_bytes() const { return device_bytes() + staging_bytes; }
};

// Values that go from one device to others in a step.
struct PlanCut {
  std::string from;
  double decode_bytes = 0;
  double prefill_bytes = 0;
};

// An op that does not run where it was wished.
struct PlanMovedOp {
  std::string op;
  std::string wished, device;
  std::string reason;               // the wished device's
  std::vector<std::string> scopes;  // where in the model
};

// Another placement that was considered.
struct PlanAlternative {
  std::string place;   // as LoadOptions::place
  double seconds = 0;  // of a step of the kind that is optimised for
  bool fits = true;
};

// What running a model would take and how fast it would be, told before a weight is read. Speeds hold for full
// contexts.
struct Plan {
  std::string model;
  std::string architecture;
  int64_t context = 0;      // tokens a sequence
  int64_t sequences = 1;    // each with a full context
  int64_t step_tokens = 0;  // the most that a step computes
  std::string place;        // what LoadOptions::place would say
  std::vector<PlanDevice> devices;
  std::vector<PlanCut> cuts;
  std::vector<PlanMovedOp> moved;
  std::vector<PlanAlternative> alternatives;  // empty where nothing was to be chosen
  double decode_seconds = 0;                  // of a step that gives each sequence a token; 0: not predicted
  double prefill_seconds = 0;                 // of a step of step_tokens tokens of one prompt
  bool fits = true;
  int64_t largest_context = 0;       // that fits with these sequences; 0: none
  int64_t largest_sequences = 0;     // that fit with this context
  std::vector<std::string> remarks;  // why it is so, and what does not fit
  std::vector<std::string> advice;   // what would fit, where this does not
};

}  // namespace concord
