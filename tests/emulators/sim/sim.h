/* The extension "concord.sim/1" of the simulated devices: the time that a test reads and moves. For tests only; the
 * rules of concord/plugin.h hold here too. */
#ifndef CONCORD_TESTS_EMULATORS_SIM_SIM_H_
#define CONCORD_TESTS_EMULATORS_SIM_SIM_H_

#include "concord/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CONCORD_SIM_EXTENSION "concord.sim/1"

/* Time is that of the instance of `device`, one for all its devices, and begins at 0. With clock=virtual every thread
 * has a time of its own, 0 at first, which waiting moves on; with clock=real it is the host's. */
typedef struct concord_sim_api {
  uint32_t struct_size;
  uint32_t reserved;
  /* The calling thread's now. */
  uint64_t (*now_ns)(concord_device* device);
  /* The calling thread does something else for that long. Returns at once with clock=virtual. */
  void (*advance_ns)(concord_device* device, uint64_t duration_ns);
  /* When everything ends that has been submitted so far and can go on, on all devices of the instance: what an engine's
   * own thread has come to. */
  uint64_t (*free_at_ns)(concord_device* device);
  /* Back to 0: every thread, queue and semaphore. FAILED_PRECONDITION while work is pending. */
  int32_t (*reset)(concord_device* device, concord_error* error);
} concord_sim_api;

#ifdef __cplusplus
}
#endif

#endif /* CONCORD_TESTS_EMULATORS_SIM_SIM_H_ */
