#include "runtime/text/tokenizer.h"

#include <chrono>
#include <cmath>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/unit/text/text_testing.h"

namespace concord::text {
namespace {

using Ids = std::vector<int32_t>;

const char* const kMark = "\xE2\x96\x81";

// Merging as its definition says it, one merge a pass: the reference for the queue.
Ids SlowBpe(const std::map<std::pair<std::string, std::string>, int>& ranks, std::vector<std::string> parts,
            const Tokenizer& tokenizer) {
  while (true) {
    int best = -1;
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find({parts[i], parts[i + 1]});
      if (found == ranks.end() || (best >= 0 && found->second >= best)) continue;
      best = found->second;
      at = i;
    }
    if (best < 0) break;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + at + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(tokenizer.FindToken(part));
  return ids;
}

TEST(ByteLevelBpe, MergesByRankLeftmostFirst) {
  const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("gpt-2", {"a a", "b c", "a b", "aa a"}));
  EXPECT_EQ(MustEncode(*t, "aaa"), (Ids{259}));
  EXPECT_EQ(MustEncode(*t, "aaaa"), (Ids{256, 256}));
  EXPECT_EQ(MustEncode(*t, "abc"), (Ids{'a', 257}));
  EXPECT_EQ(MustEncode(*t, "ab"), (Ids{258}));
  EXPECT_EQ(MustEncode(*t, ""), (Ids{}));
}

TEST(ByteLevelBpe, EqualsTheSlowDefinitionOnRandomMerges) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> symbols = {"a", "b", "c", "d"}, merges;
    std::map<std::pair<std::string, std::string>, int> ranks;
    for (int i = 0; i < 30; ++i) {
      const std::string left = symbols[random() % symbols.size()], right = symbols[random() % symbols.size()];
      if (left.size() + right.size() > 8 || !ranks.emplace(std::make_pair(left, right), merges.size()).second) continue;
      merges.push_back(absl::StrCat(left, " ", right));
      symbols.push_back(left + right);
    }
    const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("gpt-2", merges));
    for (int i = 0; i < 30; ++i) {
      std::string text;
      std::vector<std::string> parts;
      for (size_t k = random() % 40; k > 0; --k) parts.emplace_back(1, static_cast<char>('a' + random() % 4));
      for (const std::string& part : parts) text += part;
      EXPECT_EQ(MustEncode(*t, text), SlowBpe(ranks, parts, *t)) << text;
    }
  }
}

TEST(ByteLevelBpe, RandomBytesSurvive) {
  std::mt19937 random(21);
  for (const char* pre :
       {"gpt-2", "llama-bpe", "qwen2", "qwen35", "gpt-4o", "deepseek-v3", "deepseek-llm", "default"}) {
    const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab(pre, {"Ġ t", "a b", "Ã ©", "Ċ Ċ", "ä ¸"}));
    for (int i = 0; i < 200; ++i) {
      const std::string text = RandomBytes(&random, random() % 120);
      EXPECT_EQ(t->Decode(MustEncode(*t, text)), text) << pre;
    }
  }
}

TEST(ByteLevelBpe, MergeWithoutATokenFallsApartIntoItsBytes) {
  Vocab vocab = ByteVocab("gpt-2", {});
  vocab.merges = {"x y", "xy z"};
  vocab.tokens.push_back("xyz");
  vocab.types.push_back(TokenType::kNormal);
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  EXPECT_EQ(MustEncode(*t, "xyz"), (Ids{256}));  // by way of "xy", which is no token
  EXPECT_EQ(MustEncode(*t, "xy"), (Ids{'x', 'y'}));
}

TEST(ByteLevelBpe, IgnoreMergesTakesWholePieces) {
  Vocab vocab = ByteVocab("qwen2", {});
  vocab.tokens.push_back("hello");
  vocab.types.push_back(TokenType::kNormal);
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "hello").size(), 5u);
  vocab.ignore_merges = true;
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "hello"), (Ids{256}));
  vocab.ignore_merges.reset();
  vocab.pre = "llama-bpe";  // whose group ignores merges unless told otherwise
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "hello"), (Ids{256}));
}

TEST(ByteLevelBpe, BytesOutsideOfUtf8WithoutATokenBecomeTheReplacement) {
  Vocab vocab = ByteVocab("gpt-2", {});
  for (int byte : {0xC0, 0xC1, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF}) {
    vocab.tokens[byte] = "[PAD" + std::to_string(byte) + "]";
    vocab.types[byte] = TokenType::kUnused;
  }
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  EXPECT_TRUE(t->warnings().empty());
  EXPECT_EQ(t->Decode(MustEncode(*t,
                                 "a\xFF"
                                 "b\x80")),
            "a\xEF\xBF\xBD"
            "b\x80");
  vocab.tokens['q'] = "[PAD]";
  vocab.types['q'] = TokenType::kUnused;
  EXPECT_EQ(MustCreate(vocab)->warnings().size(), 1u);
}

TEST(Spm, MergesByScoreAndFallsBackToBytes) {
  const std::string mark = kMark;
  const std::unique_ptr<Tokenizer> t = MustCreate(SpmVocab({mark + "he", "he", "h", "e", mark, "ll", "l", "é"}));
  const int32_t first = 259;
  EXPECT_EQ(MustEncode(*t, "he", {.add_bos = false}), (Ids{first}));
  EXPECT_EQ(MustEncode(*t, "he"), (Ids{1, first}));
  EXPECT_EQ(MustEncode(*t, "hello", {.add_bos = false}), (Ids{first, first + 5, 3 + 'o'}));
  EXPECT_EQ(MustEncode(*t, "é\xFFü", {.add_bos = false}), (Ids{first + 4, first + 7, 3 + 0xFF, 3 + 0xC3, 3 + 0xBC}));
  EXPECT_EQ(MustEncode(*t, "", {.add_bos = false}), (Ids{}));
  EXPECT_EQ(MustEncode(*t, "", {.add_bos = true, .add_eos = true}), (Ids{1, 2}));
}

TEST(Spm, RandomBytesSurvive) {
  std::mt19937 random(33);
  const std::unique_ptr<Tokenizer> t = MustCreate(SpmVocab({std::string(kMark) + "a", kMark, "a", "ab", "b"}));
  for (int i = 0; i < 500; ++i) {
    std::string text = RandomBytes(&random, random() % 60);
    for (char& c : text) c = random() % 2 ? "ab  \n"[random() % 5] : c;
    EXPECT_EQ(t->Decode(MustEncode(*t, text)), text);
  }
}

TEST(Spm, UnusedTokensAreTakenApartAgain) {
  Vocab vocab = SpmVocab({"ab", "a", "b", "abc", "c"});
  vocab.types[259] = TokenType::kUnused;
  vocab.add_space_prefix = false;
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  EXPECT_EQ(MustEncode(*t, "abc", {.add_bos = false}), (Ids{262}));
  EXPECT_EQ(MustEncode(*t, "ab", {.add_bos = false}), (Ids{260, 261}));
}

TEST(Spm, PlainTextNeverBecomesAControlToken) {
  Vocab vocab = SpmVocab({"<", "s", ">", "<s", "s>"});
  vocab.add_space_prefix = false;
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  const Ids plain = MustEncode(*t, "<s>", {.add_bos = false});
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 1), 0);
  EXPECT_EQ(MustEncode(*t, "<s>", {.add_bos = false, .parse_special = true}), (Ids{1}));
}

TEST(Spm, SpacePrefixStandsBehindSpecialTokens) {
  const std::string mark = kMark;
  Vocab vocab = SpmVocab({mark + "a", mark, "a"});
  const EncodeOptions options = {.add_bos = false, .parse_special = true};
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a</s>a", options), (Ids{259, 2, 259}));
  vocab.space_prefix_first_only = true;
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a</s>a", options), (Ids{259, 2, 261}));
  vocab.add_space_prefix = false;
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a</s>a", options), (Ids{261, 2, 261}));
}

TEST(Special, ControlOnlyWhenParsedUserDefinedAlways) {
  Vocab vocab = ByteVocab("gpt-2", {}, {"<end>", "<tool>", "<tool>x"});
  vocab.types[257] = TokenType::kUserDefined;
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  const Ids plain = MustEncode(*t, "<end><tool>");
  EXPECT_EQ(plain.size(), 6u);
  EXPECT_EQ(plain.back(), 257);
  EXPECT_EQ(MustEncode(*t, "<end><tool>", {.parse_special = true}), (Ids{256, 257}));
  EXPECT_EQ(MustEncode(*t, "<tool>x<tool>y", {.parse_special = true}), (Ids{258, 257, 'y'}));  // the longest
  EXPECT_EQ(t->Decode(plain), "<end><tool>");
  EXPECT_EQ(t->Decode({256, 257}), "<tool>");
  EXPECT_EQ(t->Decode({256, 257}, /*special=*/true), "<end><tool>");
}

TEST(Special, StripsWhitespaceAndRespectsWords) {
  Vocab vocab = ByteVocab("gpt-2", {}, {"<l>", "<r>", "cat"});
  vocab.special_matches = {{256, true, false, false}, {257, false, true, false}, {258, false, false, true}};
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  const EncodeOptions parse = {.parse_special = true};
  EXPECT_EQ(MustEncode(*t, "a \n\xE3\x80\x80<l> b", parse), (Ids{'a', 256, ' ', 'b'}));
  EXPECT_EQ(MustEncode(*t, "a <r> \t b", parse), (Ids{'a', ' ', 257, 'b'}));
  EXPECT_EQ(MustEncode(*t, "cat", parse), (Ids{258}));
  EXPECT_EQ(MustEncode(*t, "cats", parse), (Ids{'c', 'a', 't', 's'}));
  EXPECT_EQ(MustEncode(*t, "  <r>  ", parse), (Ids{' ', ' ', 257}));
}

TEST(Special, BosAndEosByDefaultAndByRequest) {
  Vocab vocab = ByteVocab("llama-bpe", {}, {"<bos>", "<eos>"});
  EXPECT_FALSE(MustCreate(vocab)->Encode("a", {.add_bos = true}).ok());
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a"), (Ids{'a'}));  // the group adds BOS, but there is none
  vocab.bos = 256;
  vocab.eos = 257;
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a"), (Ids{256, 'a'}));
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a", {.add_bos = false, .add_eos = true}), (Ids{'a', 257}));
  vocab.add_bos = false;
  vocab.add_eos = true;
  EXPECT_EQ(MustEncode(*MustCreate(vocab), "a"), (Ids{'a', 257}));
}

TEST(Special, EndOfGeneration) {
  Vocab vocab = ByteVocab("gpt-2", {}, {"<|im_end|>", "<|end|>", "<|return|>", "other", "own"});
  vocab.eos = 259;
  vocab.end_ids = {260, 259};
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  EXPECT_EQ(Ids(t->end_of_generation().begin(), t->end_of_generation().end()), (Ids{256, 257, 258, 259, 260}));
  EXPECT_TRUE(t->IsEndOfGeneration(256));
  EXPECT_FALSE(t->IsEndOfGeneration('a'));
  EXPECT_FALSE(t->IsEndOfGeneration(-1));
  vocab.tokens[259] = "<|call|>";  // now it is harmony: <|end|> only ends a message
  const std::unique_ptr<Tokenizer> harmony = MustCreate(vocab);
  EXPECT_FALSE(harmony->IsEndOfGeneration(257));
  EXPECT_TRUE(harmony->IsEndOfGeneration(258));
}

TEST(Pieces, OutsideOfTheVocabularyIsNothing) {
  const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("gpt-2", {"Ġ a"}));
  EXPECT_EQ(t->Piece(256), " a");
  EXPECT_EQ(t->TokenText(256), "Ġa");
  EXPECT_EQ(t->FindToken("Ġa"), 256);
  EXPECT_EQ(t->vocab_size(), 257);
  for (int32_t id : {-1, 257, 1 << 30, -(1 << 30)}) {
    EXPECT_EQ(t->Piece(id, true), "");
    EXPECT_EQ(t->TokenText(id), "");
    EXPECT_EQ(t->type(id), TokenType::kUnused);
  }
  EXPECT_EQ(t->Decode({'x', 5000, 'y'}), "xy");
}

TEST(Create, RefusesWhatDoesNotFit) {
  const auto refuses = [](auto change, const char* says) {
    Vocab vocab = SpmVocab({"a"});
    change(vocab);
    const absl::Status status = Tokenizer::Create(vocab).status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(says), absl::string_view::npos) << status;
  };
  refuses([](Vocab& v) { v.tokens.clear(); }, "no tokens");
  refuses([](Vocab& v) { v.scores.pop_back(); }, "259 scores");
  refuses([](Vocab& v) { v.scores[5] = std::nanf(""); }, "token 5 is NaN");
  refuses([](Vocab& v) { v.types.pop_back(); }, "types");
  refuses([](Vocab& v) { v.types[3] = static_cast<TokenType>(9); }, "type 9");
  refuses([](Vocab& v) { v.bos = 260; }, "bos");
  refuses([](Vocab& v) { v.eos = -2; }, "eos");
  refuses([](Vocab& v) { v.end_ids = {1, 1000}; }, "1000");
  refuses([](Vocab& v) { v.special_matches.resize(1, {7777}); }, "7777");
  refuses(
      [](Vocab& v) {
        v.kind = VocabKind::kByteLevelBpe;
        v.pre = "nonsense";
      },
      "nonsense");
  refuses(
      [](Vocab& v) {
        v.kind = VocabKind::kByteLevelBpe;
        v.merges = {"ab"};
      },
      "merge 0");
  refuses(
      [](Vocab& v) {
        v.kind = VocabKind::kByteLevelBpe;
        v.merges = {"a b", " b"};
      },
      "merge 1");
  refuses(
      [](Vocab& v) {
        v.kind = VocabKind::kSpmBpe;
        v.splits = {{"("}};
      },
      "regex");
  Vocab vocab = SpmVocab({"a"});
  vocab.pad = 5000;  // published files have such
  const std::unique_ptr<Tokenizer> t = MustCreate(vocab);
  EXPECT_EQ(t->pad(), -1);
  EXPECT_EQ(t->warnings().size(), 1u);
}

TEST(Encode, RunawayRegexIsAStatus) {
  Vocab vocab = ByteVocab("", {});
  vocab.has_splits = true;
  vocab.splits = {{"(a+)+b"}};
  const absl::StatusOr<Ids> ids = MustCreate(vocab)->Encode(std::string(5000, 'a') + "cb");
  EXPECT_EQ(ids.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Encode, LongRunsAreFast) {
  std::vector<std::string> merges;
  for (std::string run = "a"; run.size() < 64; run += run) merges.push_back(absl::StrCat(run, " ", run));
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen35", "gpt-4o", "deepseek-v3", "deepseek-llm", "deepseek-coder"}) {
    const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab(pre, merges));
    for (char c : std::string(" aA1!\n\xFF")) {
      const std::string text = std::string(100'000, c) + "1";
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(t->Decode(MustEncode(*t, text)), text);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      EXPECT_LT(took.count(), 10.0) << pre << " '" << c << "'";
    }
  }
}

TEST(Encode, ManyThreadsShareOneTokenizer) {
  const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("llama-bpe", {"Ġ t", "h e", "Ġt he"}, {"<x>"}));
  const std::string text = "the cat and the <x> dog's 1234 \xFF thing\n\n";
  const Ids expected = MustEncode(*t, text, {.parse_special = true});
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const absl::StatusOr<Ids> ids = t->Encode(text, {.parse_special = true});
        count += !ids.ok() || *ids != expected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace concord::text
