#include "runtime/exec/scheduler.h"

#include <gtest/gtest.h>

#include <map>

namespace concord::exec {
namespace {

std::vector<float*> Rows(std::vector<float>* logits, int64_t n_vocab) {
  std::vector<float*> rows;
  for (size_t at = 0; at < logits->size(); at += static_cast<size_t>(n_vocab)) rows.push_back(logits->data() + at);
  return rows;
}

// A "model" whose next token is a function of all tokens so far: any mistake in what a step computes shows.
int32_t NextToken(const std::vector<int32_t>& tokens) {
  uint32_t hash = 2166136261u;
  for (int32_t t : tokens) hash = (hash ^ static_cast<uint32_t>(t)) * 16777619u;
  return static_cast<int32_t>(hash % 50);
}

// Executes steps on a KV cache that stores the token itself, checking that every sequence sees what it must.
class FakeDevice {
 public:
  explicit FakeDevice(int64_t slots) : cache_(slots, -1) {}

  std::vector<float> Run(const StepBatch& b, int64_t block_tokens, int64_t n_vocab) {
    for (size_t t = 0; t < b.tokens.size(); ++t) cache_[b.slots[t]] = b.tokens[t];
    std::map<int32_t, std::vector<int32_t>> seen;  // by row of the batch
    for (int64_t s = 0; s < b.n_seqs(); ++s) {
      const int32_t count = b.q_start[s + 1] - b.q_start[s];
      std::vector<int32_t> prefix;
      for (int32_t p = 0; p < b.kv_len[s]; ++p) {
        const int32_t block = b.block_table[s * b.max_blocks + p / block_tokens];
        EXPECT_GE(block, 0);
        prefix.push_back(cache_[block * block_tokens + p % block_tokens]);
        const int32_t row = b.q_start[s] + p - (b.kv_len[s] - count);
        if (p >= b.kv_len[s] - count) seen[row] = prefix;
      }
    }
    std::vector<float> logits(b.output_rows.size() * n_vocab, 0);
    for (size_t i = 0; i < b.output_rows.size(); ++i) logits[i * n_vocab + NextToken(seen[b.output_rows[i]])] = 1;
    return logits;
  }

  // The first tokens of a sequence from another device's cache.
  void TakeFrom(const FakeDevice& from, int64_t tokens, const std::vector<int32_t>& from_blocks, int64_t from_tokens,
                const std::vector<int32_t>& blocks, int64_t block_tokens) {
    for (int64_t t = 0; t < tokens; ++t) {
      cache_[blocks[t / block_tokens] * block_tokens + t % block_tokens] =
          from.cache_[from_blocks[t / from_tokens] * from_tokens + t % from_tokens];
    }
  }

 private:
  std::vector<int32_t> cache_;
};

std::vector<int32_t> Drain(StreamState& stream) {
  std::vector<int32_t> ids;
  while (auto token = stream.Next()) ids.push_back(token->id);
  return ids;
}

std::vector<int32_t> Expected(std::vector<int32_t> tokens, int n) {
  std::vector<int32_t> out;
  for (int i = 0; i < n; ++i) {
    out.push_back(NextToken(tokens));
    tokens.push_back(out.back());
  }
  return out;
}

void RunAll(const Scheduler::Options& options, int n_requests, int max_tokens, int64_t context) {
  constexpr int64_t kVocab = 50;
  Scheduler scheduler(options);
  FakeDevice device(options.n_blocks * options.block_tokens);
  StepBatch batch;
  batch.Reserve(options.max_tokens, options.max_seqs, options.max_seqs, options.max_blocks);
  std::vector<std::shared_ptr<StreamState>> streams;
  std::vector<std::vector<int32_t>> prompts;
  for (int r = 0; r < n_requests; ++r) {
    Request request;
    request.sampling.temperature = 0;
    request.max_tokens = max_tokens;
    std::vector<int32_t> prompt(1 + r * 7 % 23);
    for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int32_t>((r * 31 + i * 7) % kVocab);
    prompts.push_back(prompt);
    auto sequence = std::make_unique<Sequence>(request, prompt, nullptr, context);
    streams.push_back(sequence->stream());
    scheduler.Add(std::move(sequence));
  }
  int steps = 0;
  while (scheduler.Plan(&batch)) {
    ASSERT_LE(static_cast<int64_t>(batch.tokens.size()), options.max_tokens);
    ASSERT_LE(batch.n_seqs(), options.max_seqs);
    std::vector<float> logits = device.Run(batch, options.block_tokens, kVocab);
    scheduler.Finish(Rows(&logits, kVocab), kVocab);
    ASSERT_LT(++steps, 100000) << "no progress";
  }
  EXPECT_TRUE(scheduler.idle());
  for (int r = 0; r < n_requests; ++r) {
    EXPECT_EQ(Drain(*streams[r]), Expected(prompts[r], max_tokens)) << "request " << r;
    EXPECT_EQ(streams[r]->result().finish_reason, FinishReason::kMaxTokens);
  }
}

TEST(Scheduler, OneRequest) {
  RunAll({.max_tokens = 8, .max_seqs = 4, .block_tokens = 4, .max_blocks = 16, .n_blocks = 16}, 1, 20, 64);
}
TEST(Scheduler, ManyAtOnce) {
  RunAll({.max_tokens = 32, .max_seqs = 8, .block_tokens = 4, .max_blocks = 16, .n_blocks = 128}, 20, 20, 64);
}
TEST(Scheduler, LongPromptsGoInPieces) {
  RunAll({.max_tokens = 3, .max_seqs = 3, .block_tokens = 4, .max_blocks = 16, .n_blocks = 64}, 9, 10, 64);
}
// Blocks for little more than one sequence: the young are put off and come back with the same tokens.
TEST(Scheduler, TooFewBlocksForAll) {
  RunAll({.max_tokens = 16, .max_seqs = 6, .block_tokens = 4, .max_blocks = 12, .n_blocks = 14}, 12, 20, 48);
}
TEST(Scheduler, JustOneSequenceOfBlocks) {
  RunAll({.max_tokens = 5, .max_seqs = 4, .block_tokens = 3, .max_blocks = 16, .n_blocks = 16}, 6, 20, 48);
}

// Prompts on one device and answers on another, the tokens in the cache being brought over some steps later.
void RunHalves(Scheduler::Options prompts, const Scheduler::Options& answers, int n_requests, int max_tokens,
               int64_t context) {
  constexpr int64_t kVocab = 50;
  prompts.prompts_only = true;
  Scheduler first(prompts), second(answers);
  FakeDevice one(prompts.n_blocks * prompts.block_tokens), other(answers.n_blocks * answers.block_tokens);
  StepBatch batch, answer_batch;
  batch.Reserve(prompts.max_tokens, prompts.max_seqs, prompts.max_seqs, prompts.max_blocks);
  answer_batch.Reserve(answers.max_tokens, answers.max_seqs, answers.max_seqs, answers.max_blocks);
  std::vector<std::shared_ptr<StreamState>> streams;
  std::vector<std::vector<int32_t>> given;
  for (int r = 0; r < n_requests; ++r) {
    Request request;
    request.sampling.temperature = 0;
    request.max_tokens = max_tokens;
    given.emplace_back(1 + r * 7 % 23);
    for (size_t i = 0; i < given[r].size(); ++i) given[r][i] = static_cast<int32_t>((r * 31 + i * 7) % kVocab);
    auto sequence = std::make_unique<Sequence>(request, given[r], nullptr, context);
    streams.push_back(sequence->stream());
    first.Add(std::move(sequence));
  }
  struct Moving {
    std::unique_ptr<Sequence> sequence;
    std::vector<int32_t> from;
    bool has_room = false;
  };
  std::list<Moving> moving;
  for (int step = 0; !first.idle() || !second.idle() || !moving.empty(); ++step) {
    ASSERT_LT(step, 100000) << "no progress";
    if (first.Plan(&batch)) {
      std::vector<float> logits = one.Run(batch, prompts.block_tokens, kVocab);
      first.Finish(Rows(&logits, kVocab), kVocab);
    }
    while (auto computed = first.TakeComputed()) {
      Moving& m = moving.emplace_back();
      m.from = std::move(computed->blocks), computed->blocks = {};
      m.sequence = std::move(computed);
    }
    for (Moving& m : moving) {
      if (!m.has_room && !(m.has_room = second.MakeRoom(m.sequence.get()))) break;
    }
    if (step % 3 == 0 && !moving.empty() && moving.front().has_room) {
      Moving& m = moving.front();
      other.TakeFrom(one, m.sequence->n_prompt(), m.from, prompts.block_tokens, m.sequence->blocks,
                     answers.block_tokens);
      first.Release(m.from);
      second.Join(std::move(m.sequence));
      moving.pop_front();
    }
    if (second.Plan(&answer_batch)) {
      std::vector<float> logits = other.Run(answer_batch, answers.block_tokens, kVocab);
      second.Finish(Rows(&logits, kVocab), kVocab);
    }
    while (auto put_off = second.TakePutOff()) first.AddPutOff(std::move(put_off));
  }
  for (int r = 0; r < n_requests; ++r) EXPECT_EQ(Drain(*streams[r]), Expected(given[r], max_tokens)) << "request " << r;
}

TEST(Scheduler, TwoHalves) {
  RunHalves({.max_tokens = 8, .max_seqs = 4, .block_tokens = 4, .max_blocks = 12, .n_blocks = 40},
            {.max_tokens = 8, .max_seqs = 4, .block_tokens = 3, .max_blocks = 16, .n_blocks = 64}, 15, 20, 48);
}
TEST(Scheduler, TwoHalvesWithTooFewBlocks) {
  RunHalves({.max_tokens = 5, .max_seqs = 3, .block_tokens = 4, .max_blocks = 12, .n_blocks = 13},
            {.max_tokens = 6, .max_seqs = 5, .block_tokens = 3, .max_blocks = 16, .n_blocks = 17}, 15, 20, 48);
}
TEST(Scheduler, TwoHalvesWithOneSequenceOfBlocksEach) {
  RunHalves({.max_tokens = 4, .max_seqs = 4, .block_tokens = 4, .max_blocks = 12, .n_blocks = 12},
            {.max_tokens = 4, .max_seqs = 4, .block_tokens = 6, .max_blocks = 8, .n_blocks = 8}, 9, 20, 48);
}

TEST(Scheduler, CancelledRequestsGiveTheirBlocksBack) {
  Scheduler scheduler({.max_tokens = 8, .max_seqs = 2, .block_tokens = 4, .max_blocks = 4, .n_blocks = 4});
  StepBatch batch;
  batch.Reserve(8, 2, 2, 4);
  Request request;
  request.sampling.temperature = 0;
  auto sequence = std::make_unique<Sequence>(request, std::vector<int32_t>(7, 1), nullptr, 16);
  auto stream = sequence->stream();
  scheduler.Add(std::move(sequence));
  ASSERT_TRUE(scheduler.Plan(&batch));
  stream->Cancel();
  EXPECT_FALSE(scheduler.Plan(&batch));
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(stream->result().finish_reason, FinishReason::kCancelled);
}

TEST(Scheduler, ContextFullEnds) {
  Scheduler scheduler({.max_tokens = 8, .max_seqs = 1, .block_tokens = 4, .max_blocks = 3, .n_blocks = 3});
  FakeDevice device(12);
  StepBatch batch;
  batch.Reserve(8, 1, 1, 3);
  Request request;
  request.sampling.temperature = 0;
  auto sequence = std::make_unique<Sequence>(request, std::vector<int32_t>(5, 1), nullptr, 12);
  auto stream = sequence->stream();
  scheduler.Add(std::move(sequence));
  while (scheduler.Plan(&batch)) {
    std::vector<float> logits = device.Run(batch, 4, 50);
    scheduler.Finish(Rows(&logits, 50), 50);
  }
  EXPECT_EQ(Drain(*stream).size(), 7u);
  EXPECT_EQ(stream->result().finish_reason, FinishReason::kContextFull);
}

}  // namespace
}  // namespace concord::exec
