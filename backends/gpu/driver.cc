#include "backends/gpu/driver.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "backends/gpu/prepared.h"

namespace concord::gpu {
namespace {

// Launches that go to the device at once: a few layers. Sending costs about as much as launching one.
constexpr size_t kLaunchesAtOnce = 64;

bool WantsOpsChecked() {
  const char* value = std::getenv("CONCORD_GPU_CHECK");
  return value != nullptr && std::string_view(value) == "ops";
}

// Behind the last of the dispatches from `begin` that go in one submission: all of an op's, or none.
size_t EndOfPiece(const std::vector<Dispatch>& dispatches, size_t begin, size_t count, size_t at_once) {
  size_t end = std::min(begin + at_once, count);
  while (end < count && end > begin && dispatches[end].op_index == dispatches[end - 1].op_index) ++end;
  return end;
}

}  // namespace

Driver::Driver() : checks_ops_(WantsOpsChecked()) {}

Driver::Piece Driver::NewPiece(uint64_t ticket) {
  Piece piece;
  piece.ticket = ticket;
  piece.submission = {++n_submissions_, trace_ != nullptr && trace_->trace_enabled()};
  return piece;
}

void Driver::Keep(Piece piece) {
  std::lock_guard<std::mutex> lock(pieces_mutex_);
  pieces_.push_back(std::move(piece));
}

bool Driver::Take(uint64_t ticket, Piece* piece) {
  std::lock_guard<std::mutex> lock(pieces_mutex_);
  if (pieces_.empty() || pieces_.front().ticket != ticket) return false;
  *piece = std::move(pieces_.front());
  pieces_.pop_front();
  return true;
}

// Nothing of a ticket that could not be launched to its end may run on. It is the last.
void Driver::Abandon(uint64_t ticket) {
  std::vector<Piece> pieces;
  {
    std::lock_guard<std::mutex> lock(pieces_mutex_);
    for (; !pieces_.empty() && pieces_.back().ticket == ticket; pieces_.pop_back()) {
      pieces.push_back(std::move(pieces_.back()));
    }
  }
  for (Piece& piece : pieces) (void)Finish(&piece);
}

sdk::Status Driver::Launch(const sdk::Work& work, uint64_t ticket) {
  if (work.kind == sdk::Work::Kind::kSubmit) return LaunchStep(static_cast<Prepared*>(work.prepared), work, ticket);
  Piece piece = NewPiece(ticket);
  sdk::Status status;
  switch (work.kind) {
    case sdk::Work::Kind::kCopy: {
      const concord_copy_args& copy = work.copy;
      piece.kind = CONCORD_TRACE_COPY;
      piece.bytes = copy.size_bytes;
      status = LaunchCopy({BufferOf(copy.source), copy.source_offset_bytes, copy.size_bytes, false},
                          {BufferOf(copy.target), copy.target_offset_bytes, copy.size_bytes, true}, piece.submission);
      break;
    }
    case sdk::Work::Kind::kFill:
      piece.kind = CONCORD_TRACE_FILL;
      piece.bytes = work.fill.size_bytes;
      status = LaunchFill({BufferOf(work.fill.target), work.fill.offset_bytes, work.fill.size_bytes, true},
                          work.fill.pattern, piece.submission);
      break;
    default:
      piece.submission.timed = false;
      status = LaunchDispatches(nullptr, 0, piece.submission);
  }
  if (status.ok()) Keep(std::move(piece));
  return status;
}

sdk::Status Driver::LaunchStep(Prepared* prepared, const sdk::Work& work, uint64_t ticket) {
  size_t count = 0, begin = 0;
  const std::vector<Dispatch>& dispatches = prepared->Resolve(work, &count);
  sdk::Status status;
  do {
    const size_t end = EndOfPiece(dispatches, begin, count, checks_ops_ ? 1 : kLaunchesAtOnce);
    Piece piece = NewPiece(ticket);
    if (begin < end) {
      piece.prepared = prepared;
      piece.first_op = dispatches[begin].op_index;
      piece.last_op = dispatches[end - 1].op_index;
    }
    status = LaunchDispatches(dispatches.data() + begin, end - begin, piece.submission);
    if (status.ok() && checks_ops_) status = Finish(&piece);
    if (status.ok()) Keep(std::move(piece));
    begin = end;
  } while (status.ok() && begin < count);
  if (!status.ok()) Abandon(ticket);
  return status;
}

// Waits for it; an error says which ops it may be in.
sdk::Status Driver::Finish(Piece* piece) {
  if (piece->over) return sdk::Ok();
  piece->over = true;
  sdk::Status status = WaitLaunched(piece->submission, &piece->spans);
  if (status.ok() || piece->prepared == nullptr) return status;
  if (piece->first_op == piece->last_op) {
    status.op_index = piece->first_op;
  } else {
    status.message += sdk::Cat("; it was in ops ", piece->prepared->OpLabel(piece->first_op), " to ",
                               piece->prepared->OpLabel(piece->last_op), "; CONCORD_GPU_CHECK=ops finds the one");
  }
  return status;
}

sdk::Status Driver::Wait(uint64_t ticket) {
  sdk::Status first;
  std::vector<Piece> timed;
  for (Piece piece; Take(ticket, &piece);) {
    sdk::Status status = Finish(&piece);
    if (first.ok()) first = std::move(status);
    if (piece.submission.timed) timed.push_back(std::move(piece));
  }
  if (first.ok() && !timed.empty()) Trace(timed);
  return first;
}

void Driver::Trace(const std::vector<Piece>& pieces) {
  std::vector<concord_trace_event> events;
  concord_trace_event all{};
  all.op_index = CONCORD_NONE;
  all.kind = pieces[0].kind;
  all.bytes = pieces[0].bytes;
  all.begin_ticks = UINT64_MAX;
  for (const Piece& piece : pieces) {
    auto* const prepared = reinterpret_cast<concord_prepared*>(static_cast<sdk::Prepared*>(piece.prepared));
    if (prepared != nullptr) all.prepared = prepared;
    for (const Span& span : piece.spans) {
      all.begin_ticks = std::min(all.begin_ticks, span.begin_ticks);
      all.end_ticks = std::max(all.end_ticks, span.end_ticks);
      if (span.op_index == CONCORD_NONE) continue;
      events.push_back({span.begin_ticks, span.end_ticks, 0, prepared, span.op_index, CONCORD_TRACE_OP, 0, 0});
    }
  }
  if (all.begin_ticks != UINT64_MAX) events.insert(events.begin(), all);
  trace_->AddTraceEvents(events.data(), events.size());
}

}  // namespace concord::gpu
