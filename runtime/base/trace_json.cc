#include "runtime/base/trace_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/atomic_file.h"

namespace concord {
namespace {

constexpr size_t kPieceBytes = 1 << 20;
constexpr uint32_t kThreadsPerProcess = 1000;  // numbers of threads are unique in the whole file, as Perfetto wants it

// Names come from plugins and files: whatever is no plain character is escaped byte by byte, so that the text is JSON
// even where a name is no UTF-8.
void AppendQuoted(std::string* out, absl::string_view text) {
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->append({'\\', c});
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(out, "\\u%04x", byte);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

// Slices of one track that are nested or disjoint.
class Lane {
 public:
  bool Take(const TraceSlice& slice) {
    while (!open_.empty() && open_.back()->end_ns <= slice.begin_ns) open_.pop_back();
    if (!open_.empty() && (open_.back()->leaf || open_.back()->end_ns < slice.end_ns)) return false;
    open_.push_back(&slice);
    return true;
  }

 private:
  std::vector<const TraceSlice*> open_;  // each within the one before
};

uint32_t LaneFor(const TraceSlice& slice, std::vector<Lane>* lanes) {
  for (size_t i = 0; i < lanes->size(); ++i) {
    if ((*lanes)[i].Take(slice)) return static_cast<uint32_t>(i);
  }
  lanes->emplace_back();
  (void)lanes->back().Take(slice);
  return static_cast<uint32_t>(lanes->size() - 1);
}

// By begin. Of those that began together the ones that hold others come first, the longest first of all; of the others
// the shortest, so that an op that took no time lies before the next one rather than beside it.
bool Earlier(const TraceSlice* a, const TraceSlice* b) {
  if (a->begin_ns != b->begin_ns) return a->begin_ns < b->begin_ns;
  if (a->leaf != b->leaf) return b->leaf;
  return a->leaf ? a->end_ns < b->end_ns : a->end_ns > b->end_ns;
}

struct Thread {
  uint32_t process = 0;
  uint32_t number = 0;
};

class Writer {
 public:
  Writer(const Tracer::Contents& contents, const std::function<absl::Status(absl::string_view)>& write)
      : contents_(contents), write_(write), slices_(contents.slices), lanes_(contents.tracks.size()) {
    // Slices were added when they ended; of those that began and ended together the outer one was added last.
    std::reverse(slices_.begin(), slices_.end());
    std::stable_sort(slices_.begin(), slices_.end(), Earlier);
    for (const TraceSlice* slice : slices_) lane_of_.push_back(LaneFor(*slice, &lanes_[slice->track]));
    NumberThreads();
  }

  absl::Status Write() {
    absl::StrAppend(&text_, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"dropped_events\":", contents_.dropped,
                    "},\n\"traceEvents\":[");
    for (size_t t = 0; t < contents_.tracks.size(); ++t) {
      for (size_t lane = 0; lane < lanes_[t].size(); ++lane) AppendThread(t, lane);
    }
    for (size_t i = 0; i < slices_.size(); ++i) {
      AppendSlice(*slices_[i], threads_[slices_[i]->track], lane_of_[i]);
      if (text_.size() > kPieceBytes) CONCORD_RETURN_IF_ERROR(Send());
    }
    text_ += "\n]}\n";
    return Send();
  }

 private:
  absl::Status Send() {
    const absl::Status status = write_(text_);
    text_.clear();
    return status;
  }

  void NumberThreads() {
    std::vector<std::pair<std::string, uint32_t>> processes;  // name, threads
    for (size_t t = 0; t < contents_.tracks.size(); ++t) {
      const std::string& name = contents_.tracks[t].process;
      auto p = std::find_if(processes.begin(), processes.end(), [&](const auto& known) { return known.first == name; });
      if (p == processes.end()) p = processes.insert(p, {name, 0});
      const auto process = static_cast<uint32_t>(p - processes.begin()) + 1;
      threads_.push_back({process, process * kThreadsPerProcess + p->second});
      p->second += static_cast<uint32_t>(lanes_[t].size());
    }
  }

  void BeginEvent(const char* phase, const Thread& thread, size_t lane) {
    absl::StrAppend(&text_, first_ ? "\n" : ",\n", "{\"ph\":\"", phase, "\",\"pid\":", thread.process,
                    ",\"tid\":", thread.number + lane, ",\"name\":");
    first_ = false;
  }

  // What the thread and its process are called, and their order: that in which they came.
  void AppendThread(size_t track, size_t lane) {
    const Tracer::TrackInfo& info = contents_.tracks[track];
    const Thread& thread = threads_[track];
    AppendName("process_name", thread, lane, info.process);
    AppendOrder("process_sort_index", thread, lane, thread.process);
    AppendName("thread_name", thread, lane, lane == 0 ? info.name : absl::StrCat(info.name, " (", lane + 1, ")"));
    AppendOrder("thread_sort_index", thread, lane, thread.number + lane);
  }

  void AppendName(const char* what, const Thread& thread, size_t lane, const std::string& name) {
    BeginEvent("M", thread, lane);
    absl::StrAppend(&text_, "\"", what, "\",\"args\":{\"name\":");
    AppendQuoted(&text_, name);
    text_ += "}}";
  }

  void AppendOrder(const char* what, const Thread& thread, size_t lane, size_t order) {
    BeginEvent("M", thread, lane);
    absl::StrAppend(&text_, "\"", what, "\",\"args\":{\"sort_index\":", order, "}}");
  }

  void AppendMicroseconds(const char* key, uint64_t ns) {
    absl::StrAppendFormat(&text_, ",\"%s\":%d.%03d", key, ns / 1000, ns % 1000);
  }

  void AppendSlice(const TraceSlice& slice, const Thread& thread, size_t lane) {
    BeginEvent("X", thread, lane);
    AppendQuoted(&text_, slice.name);
    AppendMicroseconds("ts", slice.begin_ns - slices_.front()->begin_ns);
    AppendMicroseconds("dur", std::max(slice.end_ns, slice.begin_ns) - slice.begin_ns);
    text_ += ",\"args\":{";
    const size_t begin = text_.size();
    AppendText("scope", slice.scope);
    AppendText("arithmetic", slice.arithmetic);
    AppendNumber("op", slice.op, -1);
    AppendNumber("bytes", slice.bytes, 0);
    AppendNumber("tokens", slice.tokens, 0);
    AppendNumber("sequences", slice.sequences, 0);
    if (text_.size() > begin) text_.pop_back();  // the last comma
    text_ += "}}";
  }

  void AppendText(const char* key, const char* value) {
    if (value == nullptr || *value == '\0') return;
    absl::StrAppend(&text_, "\"", key, "\":");
    AppendQuoted(&text_, value);
    text_ += ",";
  }

  void AppendNumber(const char* key, int64_t value, int64_t absent) {
    if (value != absent) absl::StrAppend(&text_, "\"", key, "\":", value, ",");
  }

  const Tracer::Contents& contents_;
  const std::function<absl::Status(absl::string_view)>& write_;
  std::vector<const TraceSlice*> slices_;
  std::vector<std::vector<Lane>> lanes_;  // by track
  std::vector<uint32_t> lane_of_;         // by slice
  std::vector<Thread> threads_;           // by track: its first lane
  std::string text_;
  bool first_ = true;
};

}  // namespace

absl::Status WriteTraceJson(const Tracer::Contents& contents,
                            const std::function<absl::Status(absl::string_view)>& write) {
  return Writer(contents, write).Write();
}

absl::Status WriteTraceFile(const Tracer::Contents& contents, const std::string& path) {
  AtomicFile file;
  CONCORD_RETURN_IF_ERROR(file.Open(path));
  CONCORD_RETURN_IF_ERROR(
      WriteTraceJson(contents, [&](absl::string_view text) { return file.Write(text.data(), text.size()); }));
  return file.Commit();
}

}  // namespace concord
