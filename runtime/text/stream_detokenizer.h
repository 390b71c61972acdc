#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/text/tokenizer.h"

namespace concord::text {

// Turns ids into text as they come, one request a detokenizer. What it gives out is always whole, valid UTF-8: the
// beginning of a character waits for its end, and bytes that can no longer become a character are U+FFFD.
// Used by one thread at a time; the tokenizer must outlive it.
class StreamDetokenizer {
 public:
  // `at_text_start`: the first token begins the text, so that the space Encode put in front is dropped. A generation
  // that continues a prompt does not begin the text. `special`: control tokens give their text.
  explicit StreamDetokenizer(const Tokenizer& tokenizer, bool at_text_start = false, bool special = false)
      : tokenizer_(tokenizer), strip_space_(at_text_start && tokenizer.strips_leading_space()), special_(special) {}

  // The text that became whole with token `id`; often empty.
  std::string Push(int32_t id);

  // Ends the text: U+FFFD when a character was left unfinished, else nothing. Push may be called again afterwards.
  std::string Flush();

 private:
  const Tokenizer& tokenizer_;
  bool strip_space_;
  bool special_;
  std::string pending_;  // at most 3 bytes between calls
};

}  // namespace concord::text
