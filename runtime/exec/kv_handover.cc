#include "runtime/exec/kv_handover.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/exec/engine_thread.h"
#include "runtime/exec/from_device.h"
#include "runtime/exec/kv_windows.h"

namespace concord::exec {
namespace {

constexpr int kWindows = KvWindows::kCount;

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

absl::Status CannotOpen(const absl::Status& status, const hal::DeviceInfo& device, const std::string& state) {
  if (!absl::IsUnimplemented(status)) return FromDevice(status);
  return absl::UnimplementedError(absl::StrCat(device.id, " keeps ", state, " as '", device.kv_layout,
                                               "' and cannot hand it over (", status.message(),
                                               "): run the model on one device"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvHandover>> KvHandover::Create(const StepRunner& from, const StepRunner& to,
                                                               int64_t max_tokens) {
  auto handover = std::unique_ptr<KvHandover>(new KvHandover);
  CONCORD_RETURN_IF_ERROR(handover->Match(from, to));
  CONCORD_RETURN_IF_ERROR(handover->OpenPorts(from, to, max_tokens));
  return handover;
}

absl::Status KvHandover::Match(const StepRunner& from, const StepRunner& to) {
  const std::vector<StepRunner::KvState> targets = to.kv_states();
  for (const StepRunner::KvState& source : from.kv_states()) {
    const auto target =
        std::find_if(targets.begin(), targets.end(), [&](const auto& t) { return t.name == source.name; });
    if (target == targets.end()) return absl::InternalError(absl::StrCat("no ", source.name, " to hand over to"));
    State& state = states_.emplace_back(State{.name = source.name});
    CONCORD_ASSIGN_OR_RETURN(state.from.shape, KvShapeOf(source.name, source.type));
    CONCORD_ASSIGN_OR_RETURN(state.to.shape, KvShapeOf(target->name, target->type));
    bytes_per_token_ += state.to.shape.n_kv_heads * state.to.shape.row_bytes();
  }
  return absl::OkStatus();
}

absl::Status KvHandover::OpenPorts(const StepRunner& from, const StepRunner& to, int64_t max_tokens) {
  std::vector<KvWindows::Shapes> shapes;
  for (const State& s : states_) shapes.emplace_back(s.from.shape, s.to.shape);
  const KvWindows sizes = KvWindows::For(shapes, max_tokens);
  piece_tokens_ = sizes.piece_tokens;
  for (const State& s : states_) {
    for (std::vector<uint64_t>& sums : sums_) {
      sums.resize(std::max<size_t>(sums.size(), DivideUp(piece_tokens_, s.to.shape.block_tokens)));
    }
  }
  for (const bool target : {false, true}) {
    const StepRunner& runner = target ? to : from;
    std::vector<KvPort*> by_device;
    for (const std::shared_ptr<hal::Device>& device : runner.model().devices()) {
      CONCORD_ASSIGN_OR_RETURN(ports_.emplace_back(), KvPort::Create(device, KvWindows::CountOn(target), sizes.bytes));
      by_device.push_back(ports_.back().get());
    }
    for (const StepRunner::KvState& state : runner.kv_states()) {
      const auto it =
          std::find_if(states_.begin(), states_.end(), [&](const State& s) { return s.name == state.name; });
      Side& side = target ? it->to : it->from;
      side.port = by_device[state.device_index];
      const hal::DeviceInfo& device = runner.model().devices()[state.device_index]->info();
      side.device = device.id;
      absl::StatusOr<KvPort::State> opened = side.port->Open(*state.buffer, side.shape);
      if (!opened.ok()) return CannotOpen(opened.status(), device, state.name);
      side.state = *std::move(opened);
    }
  }
  return absl::OkStatus();
}

KvHandover::Piece KvHandover::PieceAt(size_t index) const {
  const auto pieces = static_cast<size_t>(DivideUp(tokens_, piece_tokens_));  // of a state
  const State& state = states_[index / pieces];
  const int64_t first = static_cast<int64_t>(index % pieces) * piece_tokens_;
  const int64_t count = std::min(piece_tokens_, tokens_ - first);
  const auto blocks = [&](KvPort::Ids ids, const KvBlockShape& shape) {
    return ids.subspan(first / shape.block_tokens, DivideUp(count, shape.block_tokens));
  };
  return {&state,
          first,
          count,
          static_cast<int>(index % kWindows),
          blocks(from_blocks_, state.from.shape),
          blocks(to_blocks_, state.to.shape)};
}

absl::Status KvHandover::Move(int64_t tokens, absl::Span<const int32_t> from_blocks,
                              absl::Span<const int32_t> to_blocks) {
  tokens_ = tokens, from_blocks_ = from_blocks, to_blocks_ = to_blocks;
  const absl::Status status = NothingThrown([&] { return MovePieces(); });
  if (status.ok()) return status;
  for (const std::unique_ptr<KvPort>& port : ports_) port->BeginAnew();
  return Annotate(status, "KV hand-over");
}

absl::Status KvHandover::MovePieces() {
  const size_t n = states_.size() * static_cast<size_t>(DivideUp(tokens_, piece_tokens_));
  if (n > 0) CONCORD_RETURN_IF_ERROR(Fetch(PieceAt(0)));
  for (size_t i = 0; i < n; ++i) {
    if (i + 1 < n) CONCORD_RETURN_IF_ERROR(Fetch(PieceAt(i + 1)));
    if (i >= kWindows) CONCORD_RETURN_IF_ERROR(Verify(PieceAt(i - kWindows)));  // its windows are wanted now
    CONCORD_RETURN_IF_ERROR(Convert(PieceAt(i)));
    CONCORD_RETURN_IF_ERROR(Store(PieceAt(i)));
  }
  for (size_t i = n > kWindows ? n - kWindows : 0; i < n; ++i) CONCORD_RETURN_IF_ERROR(Verify(PieceAt(i)));
  return absl::OkStatus();
}

absl::Status KvHandover::Fetch(const Piece& piece) {
  const Side& from = piece.state->from;
  return from.port->Fetch(from.state, piece.from, piece.window);
}

absl::Status KvHandover::Convert(const Piece& piece) {
  CONCORD_RETURN_IF_ERROR(piece.state->from.port->Wait(piece.window));
  for (size_t block = 0; block < piece.to.size(); ++block) CONCORD_RETURN_IF_ERROR(ConvertBlock(piece, block));
  return absl::OkStatus();
}

absl::Status KvHandover::ConvertBlock(const Piece& piece, size_t block) {
  const Side &from = piece.state->from, &to = piece.state->to;
  const bool same = from.shape.packing == to.shape.packing;
  const int64_t begin = static_cast<int64_t>(block) * to.shape.block_tokens;
  const int64_t end = std::min(begin + to.shape.block_tokens, piece.count);
  char* const made = to.port->At(to.state, piece.to, piece.window, block);
  uint64_t sum = kChecksumSeed;
  for (int64_t head = 0; head < to.shape.n_kv_heads; ++head) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t there = t / from.shape.block_tokens;
      const char* source = from.port->At(from.state, piece.from, piece.window, static_cast<size_t>(there)) +
                           from.shape.row_offset(head, t - there * from.shape.block_tokens);
      char* target = made + to.shape.row_offset(head, t - begin);
      if (!ConvertElems(*from.shape.packing, source, *to.shape.packing, target, to.shape.d_head)) {
        return absl::OutOfRangeError(absl::StrCat(piece.state->name, " of token ", piece.first + t,
                                                  " holds a value that is not finite or too large for ",
                                                  to.shape.packing->name, "; ask for another KV type"));
      }
      sum = ChecksumOf(same ? source : target, to.shape.row_bytes(), sum);
    }
  }
  sums_[piece.window][block] = sum;
  return absl::OkStatus();
}

absl::Status KvHandover::Store(const Piece& piece) {
  const Side& to = piece.state->to;
  CONCORD_RETURN_IF_ERROR(to.port->Store(to.state, piece.to, piece.window));
  return to.port->Fetch(to.state, piece.to, kWindows + piece.window);
}

absl::Status KvHandover::Verify(const Piece& piece) {
  const Side& to = piece.state->to;
  const int window = kWindows + piece.window;
  CONCORD_RETURN_IF_ERROR(to.port->Wait(window));
  for (size_t block = 0; block < piece.to.size(); ++block) {
    const int64_t begin = static_cast<int64_t>(block) * to.shape.block_tokens;
    const int64_t rows = std::min(to.shape.block_tokens, piece.count - begin);
    const char* data = to.port->At(to.state, piece.to, window, block);
    uint64_t sum = kChecksumSeed;
    for (int64_t head = 0; head < to.shape.n_kv_heads; ++head) {
      for (int64_t t = 0; t < rows; ++t) {
        sum = ChecksumOf(data + to.shape.row_offset(head, t), to.shape.row_bytes(), sum);
      }
    }
    if (sum == sums_[piece.window][block]) continue;
    return absl::DataLossError(absl::StrFormat(
        "%s of tokens %d to %d reads back from %s with checksum %016x, want %016x: its memory, driver or bus has "
        "lost data; ask again, and without hand-over if it comes back",
        piece.state->name, piece.first + begin, piece.first + begin + rows - 1, to.device, sum,
        sums_[piece.window][block]));
  }
  return absl::OkStatus();
}

}  // namespace concord::exec
