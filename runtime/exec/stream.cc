#include "runtime/exec/stream.h"

namespace concord::exec {

void StreamState::Push(Token token) {
  std::lock_guard<std::mutex> lock(mutex_);
  ready_.push_back(std::move(token));
  changed_.notify_all();
}

void StreamState::End(absl::Status status, Result result) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return;
  ended_ = true;
  status_ = std::move(status);
  result_ = std::move(result);
  changed_.notify_all();
}

void StreamState::SetResult(const Result& result) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!ended_) result_ = result;
}

std::optional<Token> StreamState::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !ready_.empty(); });
  if (ready_.empty()) return std::nullopt;
  Token token = std::move(ready_.front());
  ready_.pop_front();
  return token;
}

void StreamState::Cancel() {
  std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
}

bool StreamState::cancelled() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

absl::Status StreamState::status() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

Result StreamState::result() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return result_;
}

}  // namespace concord::exec

namespace concord {

std::optional<Token> Stream::Next() { return impl_->state->Next(); }
void Stream::Cancel() { impl_->state->Cancel(); }
absl::Status Stream::status() const { return impl_->state->status(); }
Result Stream::result() const { return impl_->state->result(); }

}  // namespace concord
