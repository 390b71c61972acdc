#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/exec/kv_port.h"
#include "runtime/exec/kv_rows.h"
#include "runtime/exec/step_runner.h"

namespace concord::exec {

// Brings the keys and values of sequences from the memory of one runner into that of another, whose packing, blocks and
// layout may be other ones: devices with a layout of their own export and import it. It goes state by state (the keys
// of a layer, then its values), in pieces that fit staging memory: while the host converts one piece, the next is
// copied off its device and the one before onto the other.
//
// Every block has a checksum, over its rows as the target is to hold them: taken from what arrived from the source
// where the packings are equal, else from what was made of that, and held against what is read back out of the target's
// memory. So a wrong address, staging memory that was used again too early, a copy that did not run in its order and a
// flipped bit between the host and the target's memory end the request with DATA_LOSS instead of a wrong text. What the
// source's device gives for its memory is believed.
//
// One thread at a time; both runners may compute other sequences meanwhile, and outlive this.
class KvHandover {
 public:
  // For sequences of at most `max_tokens` tokens. Unimplemented, with the reason, for states that cannot be converted.
  static absl::StatusOr<std::unique_ptr<KvHandover>> Create(const StepRunner& from, const StepRunner& to,
                                                            int64_t max_tokens);

  // The first `tokens` tokens of a sequence, which nobody writes meanwhile. When this returns, whatever it says, no
  // copy is in flight any more.
  absl::Status Move(int64_t tokens, absl::Span<const int32_t> from_blocks, absl::Span<const int32_t> to_blocks);

  int64_t bytes_per_token() const { return bytes_per_token_; }  // as the target holds them

 private:
  struct Side {
    std::string device;
    KvPort* port = nullptr;
    KvPort::State state;
    KvBlockShape shape;
  };
  struct State {
    std::string name;
    Side from, to;
  };
  // A piece of one state: whole blocks of both sides, but for the end of the sequence.
  struct Piece {
    const State* state;
    int64_t first, count;  // tokens
    int window;
    KvPort::Ids from, to;
  };
  KvHandover() = default;
  absl::Status Match(const StepRunner& from, const StepRunner& to);
  absl::Status OpenPorts(const StepRunner& from, const StepRunner& to, int64_t max_tokens);

  Piece PieceAt(size_t index) const;
  absl::Status MovePieces();
  absl::Status Fetch(const Piece& piece);
  absl::Status Convert(const Piece& piece);
  absl::Status ConvertBlock(const Piece& piece, size_t block);
  absl::Status Store(const Piece& piece);
  absl::Status Verify(const Piece& piece);

  std::vector<State> states_;
  std::vector<std::unique_ptr<KvPort>> ports_;  // of devices of either side
  int64_t piece_tokens_ = 0;
  int64_t bytes_per_token_ = 0;
  // Of this move:
  int64_t tokens_ = 0;
  KvPort::Ids from_blocks_, to_blocks_;
  std::vector<uint64_t> sums_[2];  // by window, of the blocks of a piece
};

}  // namespace concord::exec
