#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace concord {

// A stretch of time on a track. Strings are literals or interned; what is 0 or null is not shown.
struct TraceSlice {
  const char* name = "";
  const char* scope = nullptr;       // of an op: where in the model ("layers.3.mlp"); of a wait: the device's name
  const char* arithmetic = nullptr;  // of an op
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
  int64_t bytes = 0;
  int32_t tokens = 0;
  int32_t sequences = 0;
  int32_t op = -1;  // its position in the program; -1: no op
  uint32_t track = 0;
  bool leaf = false;  // holds no other slice: what overlaps it happened beside it, not within it
};

// What has happened on another clock and is fetched from time to time: a device.
class TraceFeed {
 public:
  virtual ~TraceFeed() = default;
  virtual void Drain() = 0;  // fetches, so that nothing is lost; cheap
  virtual void Flush() = 0;  // and hands all that was fetched to the tracer
};

// Records who did what when, for Perfetto (WriteTraceJson). Wherever tracing is off there is no Tracer, and recording
// costs the question for one (TraceScope). What does not fit into `max_slices` is counted rather than kept. Any thread.
class Tracer {
 public:
  struct TrackInfo {
    std::string process;  // "host", "vulkan:0"
    std::string name;     // "engine", "queue 0"
  };

  explicit Tracer(int64_t max_slices);
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // The clock of all slices: of concord_host_api.now_ns.
  static uint64_t NowNs();

  uint32_t Track(absl::string_view process, absl::string_view name);  // the same for the same names
  uint32_t ThreadTrack();                                             // the calling thread's own
  void NameThread(absl::string_view name);                            // "thread 3" until then

  void Add(const TraceSlice& slice) { Add(absl::MakeConstSpan(&slice, 1)); }
  void Add(absl::Span<const TraceSlice> slices);
  void CountDropped(uint64_t count) { dropped_.fetch_add(count, std::memory_order_relaxed); }

  // Every feed is asked from Attach until Detach returns.
  void Attach(TraceFeed* feed);
  void Detach(TraceFeed* feed);
  void Drain();
  void Flush();

  struct Contents {
    std::vector<TrackInfo> tracks;
    std::vector<const TraceSlice*> slices;  // in the order in which they ended; live as long as the tracer
    uint64_t dropped = 0;
  };
  Contents contents() const;
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  uint32_t NewTrackLocked(absl::string_view process, absl::string_view name);

  const size_t max_slices_;
  const uint64_t serial_;  // among all tracers ever, so that a thread knows whose track it remembers
  std::atomic<uint64_t> dropped_{0};
  mutable std::mutex mutex_;  // held for some stores, or to look up a track
  std::vector<std::unique_ptr<TraceSlice[]>> chunks_;
  size_t size_ = 0;
  std::vector<TrackInfo> tracks_;
  std::unordered_map<std::thread::id, uint32_t> threads_;
  std::mutex feeds_mutex_;  // before mutex_, never after it
  std::vector<TraceFeed*> feeds_;
};

// Records the time from here to the end of the block as a slice of this thread's track. `tracer` null: nothing.
class TraceScope {
 public:
  TraceScope(Tracer* tracer, const char* name) : tracer_(tracer) {
    if (tracer_ == nullptr) return;
    slice.name = name;
    slice.begin_ns = Tracer::NowNs();
  }
  TraceScope(const std::shared_ptr<Tracer>& tracer, const char* name) : TraceScope(tracer.get(), name) {}
  ~TraceScope() {
    if (tracer_ != nullptr) Record();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  void Forget() { tracer_ = nullptr; }  // it came to nothing

  TraceSlice slice;  // to add what is known only on the way

 private:
  void Record();

  Tracer* tracer_;
};

// What `body` returns; its time is a slice.
template <typename Body>
auto Traced(Tracer* tracer, const char* name, Body&& body) {
  const TraceScope scope(tracer, name);
  return body();
}

}  // namespace concord
