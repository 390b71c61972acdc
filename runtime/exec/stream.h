#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "concord/concord.h"

namespace concord::exec {

// What a stream and the engine share: the engine's thread appends, the reader takes. Any thread.
class StreamState {
 public:
  void Push(Token token);
  void End(absl::Status status, Result result);  // the first call counts
  void SetResult(const Result& result);          // progress so far

  std::optional<Token> Next();
  void Cancel();
  bool cancelled() const;
  absl::Status status() const;
  Result result() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Token> ready_;
  bool ended_ = false;
  bool cancelled_ = false;
  absl::Status status_;
  Result result_;
};

}  // namespace concord::exec

namespace concord {

// The reader's end. Dropping the last copy cancels the request; until then the engine stays alive.
struct Stream::Impl {
  Impl(std::shared_ptr<exec::StreamState> shared, std::shared_ptr<void> keep)
      : state(std::move(shared)), engine(std::move(keep)) {}
  ~Impl() { state->Cancel(); }

  std::shared_ptr<exec::StreamState> state;
  std::shared_ptr<void> engine;
};

}  // namespace concord
