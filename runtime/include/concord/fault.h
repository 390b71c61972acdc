/* The extension "concord.fault/1": faults on demand, for tests. A plugin that can simulate them (an emulator, or a
 * driver with a debug mode) returns this table from get_extension; concord-cts then proves what it otherwise has to
 * skip. Never called outside of tests. The rules of concord/plugin.h hold here too: growth at the end, errors, threads.
 */
#ifndef CONCORD_FAULT_H_
#define CONCORD_FAULT_H_

#include "concord/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CONCORD_FAULT_EXTENSION "concord.fault/1"

/* A member that is NULL or lies past struct_size is a fault that cannot be simulated. Members act on this opened device
 * alone; other devices, also of the same instance, go on. */
typedef struct concord_fault_api {
  uint32_t struct_size;
  uint32_t reserved;
  /* From now on the device is as if its hardware had gone, until it is closed: work that is queued and work that is
   * submitted fails its signals, or submit itself fails, and what allocates fails, all with UNAVAILABLE. Queries,
   * semaphores, destroy and close work on. */
  int32_t (*lose_device)(concord_device* device, concord_error* error);
  /* The next `count` calls that allocate memory on the device (buffer_create, constant_create) fail with
   * RESOURCE_EXHAUSTED. */
  int32_t (*fail_allocations)(concord_device* device, uint32_t count, concord_error* error);
  /* The next piece of work that is executed fails its signals with DATA_LOSS; what comes after it runs. */
  int32_t (*fail_execution)(concord_device* device, concord_error* error);
  /* The next queue_copy that is submitted copies nothing, but reaches its signals as if it had. */
  int32_t (*lose_copy)(concord_device* device, concord_error* error);
} concord_fault_api;

#ifdef __cplusplus
}
#endif

#endif /* CONCORD_FAULT_H_ */
