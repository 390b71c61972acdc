/* The extension "concord.trace/1": when the device did what. A plugin whose device has a clock returns this table from
 * get_extension; the host then draws each op and copy on the device's own tracks, on one time axis with its own work.
 * The rules of concord/plugin.h hold here too: growth at the end, errors, threads (any thread, concurrently).
 */
#ifndef CONCORD_TRACE_H_
#define CONCORD_TRACE_H_

#include "concord/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CONCORD_TRACE_EXTENSION "concord.trace/1"

enum {
  CONCORD_TRACE_OP = 0,         /* one op of a submission */
  CONCORD_TRACE_COPY = 1,       /* queue_copy */
  CONCORD_TRACE_FILL = 2,       /* queue_fill */
  CONCORD_TRACE_SUBMISSION = 3, /* all of a queue_submit: its ops lie within */
};

/* Array element. Something that the device has done. */
typedef struct concord_trace_event {
  uint64_t begin_ticks; /* of the device's clock */
  uint64_t end_ticks;
  uint64_t bytes;             /* that a copy or fill moved; of ops 0 */
  concord_prepared* prepared; /* of an op or submission, to tell programs apart; never followed */
  uint32_t op_index;          /* position in concord_program_desc.ops, or CONCORD_NONE */
  int32_t kind;               /* CONCORD_TRACE_* */
  uint32_t queue_index;
  uint32_t reserved;
} concord_trace_event;

/* The same moment on both clocks. */
typedef struct concord_trace_clock {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t device_ticks;
  uint64_t host_ns; /* of concord_host_api.now_ns */
  double ns_per_tick;
  uint64_t uncertainty_ns; /* how far apart the two readings may be */
} concord_trace_clock;

typedef struct concord_trace_api {
  uint32_t struct_size;
  uint32_t reserved;
  /* Work that is submitted from now on is recorded, or no longer. Off at first; off costs nothing. */
  int32_t (*set_enabled)(concord_device* device, uint32_t enabled, concord_error* error);
  int32_t (*calibrate)(concord_device* device, concord_trace_clock* out, concord_error* error);
  /* Moves up to `capacity` of the oldest events of work that has ended to `out`, elements stride_bytes apart, and their
   * number to *count. *dropped receives how many were lost since the last call because nobody fetched them. */
  int32_t (*read)(concord_device* device, concord_trace_event* out, uint32_t stride_bytes, uint32_t capacity,
                  uint32_t* count, uint64_t* dropped, concord_error* error);
} concord_trace_api;

#ifdef __cplusplus
}
#endif

#endif /* CONCORD_TRACE_H_ */
