#include "runtime/text/stream_detokenizer.h"

#include "runtime/text/utf8.h"

namespace concord::text {

std::string StreamDetokenizer::Push(int32_t id) {
  absl::string_view piece = tokenizer_.Piece(id, special_);
  if (strip_space_ && !piece.empty()) {
    strip_space_ = false;
    if (piece.front() == ' ') piece.remove_prefix(1);
  }
  pending_.append(piece.data(), piece.size());
  std::string out;
  absl::string_view rest = pending_;
  while (!rest.empty()) {
    const Utf8Char c = FirstChar(rest);
    if (c.truncated) break;
    if (c.size > 0) {
      out.append(rest.data(), c.size);
    } else {
      AppendUtf8(0xFFFD, &out);
    }
    rest.remove_prefix(c.size > 0 ? c.size : c.bad);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return out;
}

std::string StreamDetokenizer::Flush() {
  std::string out = ReplaceInvalidUtf8(pending_);
  pending_.clear();
  return out;
}

}  // namespace concord::text
