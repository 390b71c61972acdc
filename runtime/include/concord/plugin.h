/* The border between Concord and a chip: everything that a backend plugin implements, in C11, depending on nothing.
 *
 * A plugin is a shared library libconcord_backend_<name>.so with one exported symbol, concord_plugin_query(), that
 * returns a constant table of functions. It links nothing of Concord; what it needs of the host arrives in
 * concord_host_api. C++ authors implement a class through backends/sdk instead of filling this table by hand.
 *
 * Rules that hold for all of it
 * Growth     Structs that start with struct_size only ever grow at the end. The reader copies
 *            min(their struct_size, own sizeof) bytes into a zeroed struct of its own, so "not there" and "not
 *            implemented" are both 0. Array elements carry no struct_size: concord_array.stride_bytes says how far
 *            apart they are. Structs marked FROZEN never change. There is no implicit padding; 64-bit targets only.
 * Values     Flags and enums cross as fixed-width integers; an unknown value means "not supported", never a crash.
 *            Reserved words are 0.
 * Strings    {data, size_bytes}, UTF-8, not NUL-terminated; valid during the call unless a field says otherwise.
 *            Strings in tables returned by the plugin live until the process ends.
 * Ownership  Every object has one owner, the host, and a destroy function. Memory is freed by the side that allocated
 *            it. The host keeps an object alive until every semaphore value whose submission uses it is reached.
 * Errors     Functions return an absl::StatusCode as int32_t (CONCORD_OK = 0) and then fill the caller's
 *            concord_error, which may be NULL. Nothing throws, aborts, exits, writes to stdio or installs signal
 *            handlers across the border. Faults of submitted work travel only through semaphores.
 * Threads    Plugin, device, buffer, constant and semaphore calls: any thread, concurrently. queue_*: one caller at a
 *            time per (device, queue_index). prepare(): exclusive per program; submitting a prepared program is not.
 *            Host callbacks: any thread, never re-entrant, called with no plugin lock held.
 */
#ifndef CONCORD_PLUGIN_H_
#define CONCORD_PLUGIN_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Major must match. Minor counts additions; it is for logs, never for refusal. */
#define CONCORD_ABI_MAJOR 0u
#define CONCORD_ABI_MINOR 2u

#define CONCORD_PLUGIN_ENTRY "concord_plugin_query"
#define CONCORD_MAX_RANK 5u
#define CONCORD_NONE UINT32_MAX         /* an absent index */
#define CONCORD_NO_OFFSET UINT64_MAX    /* a value without a place in the workspace */
#define CONCORD_WAIT_FOREVER UINT64_MAX /* a timeout */

/* ---- Plain data ------------------------------------------------------------------------------------------------- */

/* The codes of absl::StatusCode that cross the border. */
enum {
  CONCORD_OK = 0,
  CONCORD_CANCELLED = 1,
  CONCORD_UNKNOWN = 2,
  CONCORD_INVALID_ARGUMENT = 3,
  CONCORD_DEADLINE_EXCEEDED = 4,
  CONCORD_NOT_FOUND = 5,
  CONCORD_RESOURCE_EXHAUSTED = 8,
  CONCORD_FAILED_PRECONDITION = 9,
  CONCORD_ABORTED = 10,
  CONCORD_OUT_OF_RANGE = 11,
  CONCORD_UNIMPLEMENTED = 12,
  CONCORD_INTERNAL = 13,
  CONCORD_UNAVAILABLE = 14,
  CONCORD_DATA_LOSS = 15
};

/* FROZEN. What went wrong. Owned by the caller, filled by the callee; longer messages are cut. */
typedef struct concord_error {
  int32_t code;        /* CONCORD_* above */
  uint32_t op_index;   /* position in concord_program_desc.ops, or CONCORD_NONE */
  int64_t vendor_code; /* CUresult, VkResult, aclError ...: for the vendor's own support desk; 0 = none */
  char message[240];   /* what, where, got, wanted, what to do; NUL-terminated */
} concord_error;

/* FROZEN. */
typedef struct concord_string {
  const char* data;
  uint64_t size_bytes;
} concord_string;

/* FROZEN. `count` elements that lie `stride_bytes` apart. Readers step by the stride and read at most that many bytes.
 */
typedef struct concord_array {
  const void* data;
  uint32_t count;
  uint32_t stride_bytes;
} concord_array;

/* How a plugin or host was built with sanitizers; both sides must agree, or the plugin is refused. */
enum { CONCORD_SANITIZER_NONE = 0, CONCORD_SANITIZER_ADDRESS = 1, CONCORD_SANITIZER_THREAD = 2 };

enum { CONCORD_LOG_DEBUG = 0, CONCORD_LOG_INFO = 1, CONCORD_LOG_WARNING = 2, CONCORD_LOG_ERROR = 3 };

/* ---- What the host offers --------------------------------------------------------------------------------------- */

/* One unit of parallel work: called with the `arg` of parallel_run, a worker number below max_workers that no other
 * concurrent call has (0 is the caller), and the NUMA node it runs on (-1: unknown). */
typedef void concord_worker_fn(void* arg, uint32_t worker, int32_t numa_node);

/* Valid from create() until shutdown() returns. `user` is passed back as the first argument of every callback. */
typedef struct concord_host_api {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  void* user;
  void (*log)(void* user, int32_t level, concord_string message);
  /* Aligned host memory, counted by the host; NULL when there is none. align_bytes is a power of two. */
  void* (*alloc)(void* user, uint64_t size_bytes, uint64_t align_bytes);
  void (*free)(void* user, void* memory);
  /* The one address of this text for the life of the process: equal strings give equal pointers. */
  const char* (*intern)(void* user, concord_string text);
  /* Monotonic host clock. */
  uint64_t (*now_ns)(void* user);
  /* Records an event on the host's trace; `track` and `name` are interned. A no-op unless tracing is on. */
  void (*trace_event)(void* user, const char* track, const char* name, uint64_t begin_ns, uint64_t end_ns);
  /* Runs fn on the caller and on at most max_workers - 1 pool threads, as they become free; returns when the caller's
   * fn and every other that was started have returned. The caller alone must be able to finish the work: there may be
   * no other worker, and none may be waited for. Not re-entrant from within fn. */
  void (*parallel_run)(void* user, uint32_t max_workers, concord_worker_fn* fn, void* arg);
  /* The number of workers that parallel_run offers at most (the user's choice of threads), at least 1. */
  uint32_t (*worker_count)(void* user);
} concord_host_api;

/* ---- Objects ---------------------------------------------------------------------------------------------------- */

typedef struct concord_instance concord_instance;   /* one host's use of a plugin */
typedef struct concord_device concord_device;       /* an opened device */
typedef struct concord_buffer concord_buffer;       /* memory a device can use */
typedef struct concord_semaphore concord_semaphore; /* a timeline: a number that only grows, or has failed */
typedef struct concord_constant concord_constant;   /* a weight on a device */
typedef struct concord_program concord_program;     /* a compiled partition of a graph */
typedef struct concord_prepared concord_prepared;   /* a program with capacities fixed */

/* FROZEN. A moment on a timeline: `semaphore` has reached `value`. */
typedef struct concord_point {
  concord_semaphore* semaphore;
  uint64_t value;
} concord_point;

/* ---- Devices ---------------------------------------------------------------------------------------------------- */

enum {
  CONCORD_DEVICE_ASYNC = 1u << 0,            /* submissions may be queued before their waits are reached */
  CONCORD_DEVICE_EXECUTES_IN_WAIT = 1u << 1, /* work runs on the thread that waits; submit only queues it */
  CONCORD_DEVICE_SHARES_HOST_CORES = 1u << 2,
  CONCORD_DEVICE_HOST_MEMORY = 1u << 3 /* buffers are host memory: map() is free and import_host() works in place */
};

typedef struct concord_device_info {
  uint32_t struct_size;
  uint32_t flags;           /* CONCORD_DEVICE_* */
  concord_string name;      /* "AMD EPYC 9B14", "NVIDIA H200": for people; lives until shutdown */
  concord_string kind;      /* "cpu", "gpu", "npu" */
  concord_string driver;    /* driver and runtime versions, free text */
  concord_string features;  /* instruction sets or extensions in use, free text */
  concord_string kv_layout; /* "kv.paged/1", or a layout of its own for paged state: see concord_state_args */
  uint64_t memory_bytes;    /* total device memory; 0 = unknown */
  uint64_t max_buffer_bytes;
  uint32_t binding_align_bytes;  /* offsets of bindings are multiples of this */
  uint32_t constant_align_bytes; /* alignment at which a STABLE host pointer can be used in place; 1 = any */
  uint32_t queue_count;
  uint32_t max_partition_ops; /* how many ops it wants in one program; 1 = op by op; UINT32_MAX = any */
} concord_device_info;

typedef struct concord_memory_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t used_bytes; /* by this instance's buffers, constants and programs */
  uint64_t peak_bytes;
  uint64_t free_bytes; /* what could still be allocated, as far as is known */
  uint64_t total_bytes;
} concord_memory_stats;

/* ---- Types, graphs ---------------------------------------------------------------------------------------------- */

enum {
  CONCORD_STORAGE_F32 = 0,
  CONCORD_STORAGE_F16 = 1,
  CONCORD_STORAGE_BF16 = 2,
  CONCORD_STORAGE_I8 = 3,
  CONCORD_STORAGE_U8 = 4,
  CONCORD_STORAGE_I32 = 5,
  CONCORD_STORAGE_I64 = 6,
  CONCORD_STORAGE_BLOCK = 7 /* opaque blocks that only `packing` describes */
};

/* FROZEN. How the elements of a tensor lie in memory: block_elems consecutive elements of a row become block_bytes
 * bytes. `packing` ("f32", "q4_k": runtime/base/packing holds a reference decoder of each) tells the whole truth;
 * `storage` is what a plugin can compute with when it does not know the packing by name. */
typedef struct concord_type {
  concord_string packing;
  int32_t storage;
  uint32_t block_elems;
  uint32_t block_bytes;
  uint32_t reserved;
} concord_type;

/* FROZEN. The extent `value` plus, unless symbol is CONCORD_NONE, the value of that symbol of the program. */
typedef struct concord_dim {
  int64_t value;
  uint32_t symbol;
  uint32_t reserved;
} concord_dim;

/* Array element. A size that varies between steps ("n_tokens") or is fixed by prepare ("n_blocks"). */
typedef struct concord_symbol {
  concord_string name;
  int64_t min;
  int64_t max;
} concord_symbol;

/* Array element, FROZEN. The capacity (prepare) or this step's value (submit) of one symbol. */
typedef struct concord_symbol_value {
  uint32_t symbol; /* index in concord_program_desc.symbols */
  uint32_t reserved;
  int64_t value;
} concord_symbol_value;

enum {
  CONCORD_ROLE_INPUT = 0,
  CONCORD_ROLE_OUTPUT = 1,
  CONCORD_ROLE_STATE = 2, /* read and written in place; lives across submissions */
  CONCORD_ROLE_CONSTANT = 3,
  CONCORD_ROLE_WORKSPACE = 4 /* intermediate value; its place is in concord_prepare_args.value_offsets */
};

/* Array element. A tensor of the partition: row-major, dense, the last dim contiguous. */
typedef struct concord_value_desc {
  concord_type type;
  concord_string layout; /* "" = row-major; "kv.paged/1" = [n_blocks, n_kv_heads, block_tokens, d_head] */
  concord_string name;   /* for messages and traces */
  concord_dim dims[CONCORD_MAX_RANK];
  uint32_t rank;
  int32_t role;      /* CONCORD_ROLE_* */
  uint32_t slot;     /* where bindings name it; CONCORD_NONE for WORKSPACE */
  uint32_t alias_of; /* the value whose storage this one shares (state after a write), or CONCORD_NONE */
} concord_value_desc;

enum { CONCORD_ATTR_INT = 0, CONCORD_ATTR_FLOAT = 1, CONCORD_ATTR_STRING = 2 };

/* Array element. An attribute that is absent has the default of concord/ops.h. A key that the plugin does not know
 * with a value other than 0 / 0.0 / "" means NO, with that reason. Booleans are ints. */
typedef struct concord_attr {
  concord_string key;
  concord_string s;
  double f;
  int64_t i;
  int32_t kind; /* CONCORD_ATTR_* */
  uint32_t reserved;
} concord_attr;

/* Array element. An application of an op of concord/ops.h. */
typedef struct concord_op_desc {
  concord_string name;       /* "linear" */
  concord_string scope;      /* where in the model, for messages: "layers.3.mlp" */
  concord_string arithmetic; /* the arithmetic that is asked for: "f32", "int8/32", ... */
  concord_array inputs;      /* uint32_t: a value index a slot of ops.h, CONCORD_NONE for an absent optional one */
  concord_array outputs;     /* uint32_t, likewise */
  concord_array attrs;       /* concord_attr */
  uint32_t version;          /* of the op's meaning, as in ops.h */
  uint32_t reserved;
} concord_op_desc;

/* A partition: ops in an order in which every value is produced before it is used. */
typedef struct concord_program_desc {
  uint32_t struct_size;
  uint32_t reserved;
  concord_string name;
  concord_array symbols; /* concord_symbol */
  concord_array values;  /* concord_value_desc */
  concord_array ops;     /* concord_op_desc */
} concord_program_desc;

enum { CONCORD_SUPPORT_NO = 0, CONCORD_SUPPORT_SLOW = 1, CONCORD_SUPPORT_OK = 2, CONCORD_SUPPORT_FAST = 3 };

typedef struct concord_support {
  uint32_t struct_size;
  int32_t level;    /* CONCORD_SUPPORT_* */
  char reason[240]; /* for NO and SLOW: what stands against it; NUL-terminated */
} concord_support;

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* STAGING is host-visible, for copies. The host reads results from it as well: where there is a choice, give memory
 * that the host's caches hold, since reading write-combined memory is a hundred times slower. */
enum { CONCORD_BUFFER_DEVICE = 0, CONCORD_BUFFER_STAGING = 1 };

typedef struct concord_buffer_desc {
  uint32_t struct_size;
  int32_t usage; /* CONCORD_BUFFER_* */
  uint64_t size_bytes;
  uint64_t align_bytes;
} concord_buffer_desc;

enum { CONCORD_MAP_READ = 1u << 0, CONCORD_MAP_WRITE = 1u << 1 };

enum {
  CONCORD_CONSTANT_STABLE = 1u << 0 /* the host pointer stays valid and unchanged until destroy: use it in place */
};

/* A weight: `rows` rows of `cols` elements, each row row_stride_bytes after the one before. A slice of a larger tensor
 * is expressed by pointer, rows and stride. */
typedef struct concord_constant_desc {
  uint32_t struct_size;
  uint32_t flags; /* CONCORD_CONSTANT_* */
  concord_type type;
  concord_string name;
  int64_t dims[CONCORD_MAX_RANK];
  uint32_t rank;
  uint32_t reserved;
  uint64_t row_stride_bytes;
  const void* host_data;
  uint64_t host_size_bytes;
} concord_constant_desc;

/* Packed bytes of a constant for the host's disk cache. */
typedef struct concord_constant_blob {
  uint32_t struct_size;
  uint32_t reserved;
  const void* data;    /* owned by the constant */
  uint64_t size_bytes; /* 0: it is used in place, there is nothing worth keeping */
  uint64_t key;        /* changes whenever the plugin packs differently */
} concord_constant_blob;

/* ---- Programs --------------------------------------------------------------------------------------------------- */

/* FROZEN. Memory for one slot: a range of `buffer`, or for role CONSTANT the constant. */
typedef struct concord_binding {
  uint32_t slot; /* concord_value_desc.slot; for role WORKSPACE ignored: there is one workspace */
  int32_t role;
  concord_buffer* buffer;
  concord_constant* constant;
  uint64_t offset_bytes;
  uint64_t size_bytes;
} concord_binding;

/* Values of role WORKSPACE share memory: value_offsets may give overlapping ranges to values whose lives do not meet in
 * the order of concord_program_desc.ops. Running the ops in that order is right as it stands. A device that starts an
 * op before all earlier ones have finished must derive the hazards from the ranges itself: before an op writes a value,
 * every earlier op that reads or writes a value whose range overlaps it must have finished. No op's output overlaps its
 * own inputs. The same holds for a state: a writer waits for the earlier readers of all values that share its storage.
 */
typedef struct concord_prepare_args {
  uint32_t struct_size;
  uint32_t reserved;
  concord_array capacities;    /* concord_symbol_value: the most that any submission will use; every symbol once */
  concord_array bindings;      /* concord_binding: constants, and whatever stays the same in every submission */
  concord_array value_offsets; /* uint64_t a value: its place in the workspace, or CONCORD_NO_OFFSET */
  uint64_t planned_bytes;      /* how much of the workspace the host's plan uses */
} concord_prepare_args;

typedef struct concord_prepare_result {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t workspace_bytes; /* what a submission must bind: planned_bytes plus the plugin's own scratch */
  uint64_t workspace_align_bytes;
} concord_prepare_result;

typedef struct concord_submit_args {
  uint32_t struct_size;
  uint32_t queue_index;
  concord_prepared* prepared;
  concord_array values;   /* concord_symbol_value: this step's sizes, each at most its capacity */
  concord_array bindings; /* concord_binding: what prepare did not bind, or what overrides it; the workspace */
  concord_array waits;    /* concord_point */
  concord_array signals;  /* concord_point */
} concord_submit_args;

/* ---- Queues ----------------------------------------------------------------------------------------------------- */

typedef struct concord_copy_args {
  uint32_t struct_size;
  uint32_t queue_index;
  concord_buffer* source;
  concord_buffer* target;
  uint64_t source_offset_bytes;
  uint64_t target_offset_bytes;
  uint64_t size_bytes;
  concord_array waits;   /* concord_point */
  concord_array signals; /* concord_point */
} concord_copy_args;

typedef struct concord_fill_args {
  uint32_t struct_size;
  uint32_t queue_index;
  concord_buffer* target;
  uint64_t offset_bytes;
  uint64_t size_bytes;
  uint32_t pattern; /* repeated 32-bit word; size_bytes is a multiple of 4 */
  uint32_t reserved;
  concord_array waits;
  concord_array signals;
} concord_fill_args;

typedef struct concord_barrier_args {
  uint32_t struct_size;
  uint32_t queue_index;
  concord_array waits;
  concord_array signals;
} concord_barrier_args;

/* Since minor 2. A run of blocks of one paged state (role STATE: the keys, or the values, of one layer), of a device
 * whose kv_layout is its own. The host moves them between devices in the one order that all know.
 * Shapes  `rows` holds n_blocks blocks as kv.paged/1: [n_blocks, n_kv_heads, block_tokens, d_head] of `type`, row-major
 *         and dense. `state` holds them as the device's ops leave and read them. A block takes the same bytes in both,
 *         B = n_kv_heads * block_tokens * bytes of a row of d_head elements, and in `state` block i is the bytes from
 *         i * B on, whatever the order within: the host may also move whole blocks by queue_copy.
 * Units   Offsets are in bytes, that of `state` a multiple of B. d_head is a multiple of type.block_elems.
 * Asking  With n_blocks 0 nothing is moved, and the answer says whether a state of this shape and type can be; the
 *         buffers may be NULL then. The same answer for the life of the device. */
typedef struct concord_state_args {
  uint32_t struct_size;
  uint32_t queue_index;
  concord_buffer* state;
  concord_buffer* rows; /* STAGING as a rule */
  uint64_t state_offset_bytes;
  uint64_t rows_offset_bytes;
  uint64_t n_blocks;
  int64_t n_kv_heads;
  int64_t block_tokens;
  int64_t d_head;
  concord_type type;
  concord_array waits;   /* concord_point */
  concord_array signals; /* concord_point */
} concord_state_args;

/* ---- The plugin's table ----------------------------------------------------------------------------------------- */

typedef struct concord_plugin_api {
  uint32_t struct_size;
  uint32_t abi_major; /* CONCORD_ABI_MAJOR that the plugin was built with */
  uint32_t abi_minor;
  int32_t sanitizer;   /* CONCORD_SANITIZER_* that the plugin was built with */
  concord_string name; /* "vulkan": the first part of device names */
  concord_string vendor;
  concord_string version;         /* the plugin's own */
  concord_string runtime_version; /* vendor runtime it was built for; "" = none */

  /* Makes the instance that every later call carries. Several may exist at once, of several hosts too: a plugin keeps
   * no mutable statics beyond the vendor's runtime. `host` is copied; its callbacks stay valid until shutdown.
   * Errors: UNAVAILABLE no driver or library (the message says which and how to get it); this is not a fault. */
  int32_t (*create)(const concord_host_api* host, concord_instance** out, concord_error* error);
  /* Joins every thread. All devices must be closed: FAILED_PRECONDITION otherwise, and nothing happens. */
  int32_t (*shutdown)(concord_instance* instance, concord_error* error);
  /* The table of an optional feature ("concord.trace/1"), or NULL. */
  const void* (*get_extension)(concord_instance* instance, concord_string name);

  uint32_t (*device_count)(concord_instance* instance);
  int32_t (*device_info)(concord_instance* instance, uint32_t index, concord_device_info* out, concord_error* error);
  int32_t (*device_open)(concord_instance* instance, uint32_t index, concord_device** out, concord_error* error);
  /* Every object of the device must be destroyed and its work reached: FAILED_PRECONDITION otherwise. */
  int32_t (*device_close)(concord_device* device, concord_error* error);
  int32_t (*device_memory_stats)(concord_device* device, concord_memory_stats* out, concord_error* error);

  /* Contents are undefined until written. Errors: RESOURCE_EXHAUSTED says how much was wanted and how much is free. */
  int32_t (*buffer_create)(concord_device* device, const concord_buffer_desc* desc, concord_buffer** out,
                           concord_error* error);
  /* Uses host memory as a buffer; the memory outlives the buffer. UNIMPLEMENTED where the device cannot. */
  int32_t (*buffer_import_host)(concord_device* device, void* memory, uint64_t size_bytes, concord_buffer** out,
                                concord_error* error);
  void (*buffer_destroy)(concord_buffer* buffer);
  /* Host address of a range. UNIMPLEMENTED where it is not host-visible: then copy through a STAGING buffer. */
  int32_t (*buffer_map)(concord_buffer* buffer, uint64_t offset_bytes, uint64_t size_bytes, uint32_t access, void** out,
                        concord_error* error);
  void (*buffer_unmap)(concord_buffer* buffer);
  /* Makes host writes to a mapped range visible to the device, and device writes to the host. */
  int32_t (*buffer_flush_range)(concord_buffer* buffer, uint64_t offset_bytes, uint64_t size_bytes,
                                concord_error* error);

  int32_t (*semaphore_create)(concord_device* device, uint64_t initial_value, concord_semaphore** out,
                              concord_error* error);
  void (*semaphore_destroy)(concord_semaphore* semaphore);
  /* The present value; a failed semaphore returns its error's code instead. Never blocks. */
  int32_t (*semaphore_query)(concord_semaphore* semaphore, uint64_t* out_value, concord_error* error);
  /* Advances from the host. `value` must be greater than the present one. */
  int32_t (*semaphore_signal)(concord_semaphore* semaphore, uint64_t value, concord_error* error);
  /* Fails it for good: every present and later wait or query, and all work that waits on it, gets `reason`. */
  void (*semaphore_fail)(concord_semaphore* semaphore, const concord_error* reason);
  /* Blocks until the value is reached (OK), the semaphore fails (its code and error) or timeout_ns has passed
   * (DEADLINE_EXCEEDED). Legal before anything that signals it was submitted. */
  int32_t (*semaphore_wait)(concord_semaphore* semaphore, uint64_t value, uint64_t timeout_ns, concord_error* error);

  /* Puts a weight on the device: in place when STABLE and possible, else copied or repacked before it returns. */
  int32_t (*constant_create)(concord_device* device, const concord_constant_desc* desc, concord_constant** out,
                             concord_error* error);
  int32_t (*constant_export)(concord_constant* constant, concord_constant_blob* out, concord_error* error);
  void (*constant_destroy)(concord_constant* constant);

  /* Whether the device computes ops[op_index] of `program` with these types, dims, attributes and arithmetic. Pure and
   * fast; the same answer for the life of the device; compile() accepts what this accepts. */
  int32_t (*program_query_op)(concord_device* device, const concord_program_desc* program, uint32_t op_index,
                              concord_support* out, concord_error* error);
  /* Errors: UNIMPLEMENTED with op_index of the first op that it declines. `desc` is copied. */
  int32_t (*program_compile)(concord_device* device, const concord_program_desc* desc, concord_program** out,
                             concord_error* error);
  void (*program_destroy)(concord_program* program);
  /* Fixes capacities; the only call that may allocate or specialise for a program. Several prepared handles of one
   * program may live at once (a prefill and a decode bucket).
   * Errors: OUT_OF_RANGE a capacity the device cannot serve; INVALID_ARGUMENT a constant missing or of another type. */
  int32_t (*program_prepare)(concord_program* program, const concord_prepare_args* args, concord_prepared** out,
                             concord_prepare_result* result, concord_error* error);
  void (*prepared_destroy)(concord_prepared* prepared);
  /* A compiled artefact for the host's disk cache, in two calls: with out NULL, *size_bytes receives the size.
   * UNIMPLEMENTED: nothing worth keeping. */
  int32_t (*program_serialize)(concord_program* program, void* out, uint64_t* size_bytes, concord_error* error);
  /* FAILED_PRECONDITION: the artefact does not fit this device, driver or plugin, and why; the host then compiles. */
  int32_t (*program_deserialize)(concord_device* device, const concord_program_desc* desc, const void* data,
                                 uint64_t size_bytes, concord_program** out, concord_error* error);
  /* A number that changes whenever artefacts of this device stop fitting (device, driver, plugin). */
  uint64_t (*device_fingerprint)(concord_device* device);

  /* Runs the prepared program once all waits are reached, then advances all signals.
   * Blocking: never waits for the device; legal before the waits themselves are submitted when ASYNC is set.
   * Lifetime: args are copied; prepared, constants and buffers stay alive until every signal is reached.
   * Errors: INVALID_ARGUMENT a binding missing, misaligned or too small, a value over its capacity: nothing was
   *         enqueued. RESOURCE_EXHAUSTED the queue is full: retry after any signal of it. Later faults fail the
   *         signal semaphores, with op_index. A failed wait fails the signals with the same error.
   * Source: Vulkan 1.3, Synchronization, timeline semaphores. */
  int32_t (*queue_submit)(concord_device* device, const concord_submit_args* args, concord_error* error);
  int32_t (*queue_copy)(concord_device* device, const concord_copy_args* args, concord_error* error);
  int32_t (*queue_fill)(concord_device* device, const concord_fill_args* args, concord_error* error);
  int32_t (*queue_barrier)(concord_device* device, const concord_barrier_args* args, concord_error* error);

  /* Since minor 2; both NULL, or UNIMPLEMENTED, where kv_layout is kv.paged/1: the host copies blocks there. A device
   * with a layout of its own that lacks them cannot take part when one device computes prompts and another answers.
   * Export writes `rows` from `state`, import `state` from `rows`; each leaves all else as it is. Bytes of rows are
   * moved, not computed with: import and then export gives the same bits, of every token slot of a block, written or
   * not. Threads, blocking, lifetime, waits, signals and later faults as for queue_submit.
   * Errors: UNIMPLEMENTED a layout, type or shape that it does not convert, and which; INVALID_ARGUMENT dims below 1,
   *         d_head that is no multiple of the type's block, a buffer that is NULL, a misaligned offset; OUT_OF_RANGE
   *         past the end of a buffer; RESOURCE_EXHAUSTED the queue is full. Nothing was enqueued then. */
  int32_t (*queue_export_state)(concord_device* device, const concord_state_args* args, concord_error* error);
  int32_t (*queue_import_state)(concord_device* device, const concord_state_args* args, concord_error* error);
} concord_plugin_api;

/* The one exported symbol. Pure: the same table however often it is called, and no side effect.
 * NULL with `error` filled when the plugin cannot serve a host of this major version. */
typedef const concord_plugin_api* concord_plugin_query_fn(uint32_t host_abi_major, concord_error* error);

#ifdef __cplusplus
}
#endif

#endif /* CONCORD_PLUGIN_H_ */
