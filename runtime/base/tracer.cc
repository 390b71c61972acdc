#include "runtime/base/tracer.h"

#include <algorithm>
#include <chrono>
#include <new>

#include "absl/strings/str_cat.h"

namespace concord {
namespace {

constexpr size_t kChunk = 1024;  // slices, 80 kB: memory grows with what is recorded

uint64_t NextSerial() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

// The track of this thread in the tracer that it last asked.
struct OwnTrack {
  uint64_t tracer = 0;
  uint32_t track = 0;
};
thread_local OwnTrack own_track;

constexpr char kHost[] = "host";

}  // namespace

Tracer::Tracer(int64_t max_slices)
    : max_slices_(static_cast<size_t>(std::max<int64_t>(max_slices, 0))), serial_(NextSerial()) {}

uint64_t Tracer::NowNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

uint32_t Tracer::NewTrackLocked(absl::string_view process, absl::string_view name) {
  tracks_.push_back({std::string(process), std::string(name)});
  return static_cast<uint32_t>(tracks_.size() - 1);
}

uint32_t Tracer::Track(absl::string_view process, absl::string_view name) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < tracks_.size(); ++i) {
    if (tracks_[i].process == process && tracks_[i].name == name) return static_cast<uint32_t>(i);
  }
  return NewTrackLocked(process, name);
}

uint32_t Tracer::ThreadTrack() {
  if (own_track.tracer == serial_) return own_track.track;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto [entry, fresh] = threads_.try_emplace(std::this_thread::get_id(), 0);
  if (fresh) entry->second = NewTrackLocked(kHost, absl::StrCat("thread ", threads_.size()));
  own_track = {serial_, entry->second};
  return own_track.track;
}

void Tracer::NameThread(absl::string_view name) {
  const uint32_t track = ThreadTrack();
  std::lock_guard<std::mutex> lock(mutex_);
  tracks_[track].name = std::string(name);
}

void Tracer::Add(absl::Span<const TraceSlice> slices) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < slices.size(); ++i) {
    const bool new_chunk = size_ % kChunk == 0;
    // Some of the callers are threads on which nothing may be thrown.
    std::unique_ptr<TraceSlice[]> chunk(size_ < max_slices_ && new_chunk ? new (std::nothrow) TraceSlice[kChunk]
                                                                         : nullptr);
    if (size_ >= max_slices_ || (new_chunk && chunk == nullptr)) return CountDropped(slices.size() - i);
    if (new_chunk) chunks_.push_back(std::move(chunk));
    chunks_.back()[size_++ % kChunk] = slices[i];
  }
}

void Tracer::Attach(TraceFeed* feed) {
  std::lock_guard<std::mutex> lock(feeds_mutex_);
  feeds_.push_back(feed);
}

void Tracer::Detach(TraceFeed* feed) {
  std::lock_guard<std::mutex> lock(feeds_mutex_);
  feeds_.erase(std::remove(feeds_.begin(), feeds_.end(), feed), feeds_.end());
}

void Tracer::Drain() {
  std::lock_guard<std::mutex> lock(feeds_mutex_);
  for (TraceFeed* feed : feeds_) feed->Drain();
}

void Tracer::Flush() {
  std::lock_guard<std::mutex> lock(feeds_mutex_);
  for (TraceFeed* feed : feeds_) feed->Flush();
}

Tracer::Contents Tracer::contents() const {
  std::lock_guard<std::mutex> lock(mutex_);
  Contents out{tracks_, {}, dropped()};
  out.slices.reserve(size_);
  for (size_t i = 0; i < size_; ++i) out.slices.push_back(&chunks_[i / kChunk][i % kChunk]);
  return out;
}

void TraceScope::Record() {
  slice.end_ns = Tracer::NowNs();
  slice.track = tracer_->ThreadTrack();
  tracer_->Add(slice);
}

}  // namespace concord
