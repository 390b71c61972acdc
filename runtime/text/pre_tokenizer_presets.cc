#include <algorithm>
#include <iterator>

#include "absl/strings/str_join.h"
#include "runtime/text/pre_tokenizer.h"

// The splitting rules of the model families, named R1 to R9.
namespace concord::text {
namespace {

#define CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define GPT2_WORDS R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"
#define SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define CJK R"([\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+)"

constexpr const char* kLlama3[] = {  // R1
    CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" SPACES};

constexpr const char* kQwen2[] = {  // R2
    CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" SPACES};

constexpr const char* kQwen35[] = {  // R3
    CONTRACTION R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" SPACES};

constexpr const char* kGpt2[] = {GPT2_WORDS R"(|\s+)"};  // R4

constexpr const char* kGpt4o[] = {  // R5
    R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+" CONTRACTION R"(?|[^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER "*" CONTRACTION
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" SPACES};

constexpr const char* kDeepseekV3[] = {  // R6
    R"(\p{N}{1,3})", R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)",
    R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)re"
    R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)" SPACES};

// The second rule of R7 lists letters of scripts with case, as of an early Unicode; \p{L} would take more.
#define CASED_LETTERS                                                                                       \
  R"(A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"    \
  R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"      \
  R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"       \
  R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77})"                \
  R"(\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D})"                \
  R"(\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE})" \
  R"(\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC})"                \
  R"(\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124})" \
  R"(\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E})" \
  R"(\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D})" \
  R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF})"                \
  R"(\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"              \
  R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF})"      \
  R"(\x{1E900}-\x{1E943})"

constexpr const char* kDeepseekLlm[] = {  // R7
    R"([\r\n])",
    R"(\s?[)" CASED_LETTERS "]+",
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)",
    R"(\s+$)",
    CJK,
    R"(\p{N}+)"};

constexpr const char* kDeepseekCoder[] = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", CJK, R"(\p{N})"};  // R8

constexpr const char* kDefault[] = {R"([\p{P}\$\+<=>\^~\|]+)", GPT2_WORDS, R"(\p{N}+)", "[0-9][0-9][0-9]"};  // R9

constexpr const char* kDigitsGpt2[] = {R"(\p{N})", GPT2_WORDS};

// Sorted by name; a new family is one line here. {name, regexes, ignore_merges, add_bos}
constexpr PreTokenizerPreset kPresets[] = {
    {"deepseek-coder", kDeepseekCoder, false, false},
    {"deepseek-llm", kDeepseekLlm, false, false},
    {"deepseek-r1-qwen", kQwen2, false, false},
    {"deepseek-v3", kDeepseekV3, false, false},
    {"default", kDefault, false, false},
    {"falcon3", kLlama3, true, true},
    {"gpt-2", kGpt2, false, false},
    {"gpt-4o", kGpt4o, false, false},
    {"jais", kGpt2, false, false},
    {"llama-bpe", kLlama3, true, true},
    {"llama-v3", kLlama3, true, true},
    {"llama3", kLlama3, true, true},
    {"llama4", kGpt4o, false, false},
    {"megrez", kQwen2, false, false},
    {"minimax-m2", kGpt4o, false, false},
    {"mpt", kGpt2, false, false},
    {"olmo", kGpt2, false, false},
    {"phi-2", kGpt2, false, false},
    {"qwen2", kQwen2, false, false},
    {"qwen35", kQwen35, false, false},
    {"smollm", kDigitsGpt2, false, false},
    {"starcoder", kDigitsGpt2, false, false},
};

}  // namespace

absl::StatusOr<PreTokenizerPreset> FindPreTokenizer(absl::string_view name) {
  const auto less = [](const PreTokenizerPreset& preset, absl::string_view wanted) { return preset.name < wanted; };
  const auto at = std::lower_bound(std::begin(kPresets), std::end(kPresets), name, less);
  if (at != std::end(kPresets) && name == at->name) return *at;
  const auto format = [](std::string* out, const PreTokenizerPreset& preset) { out->append(preset.name); };
  return absl::UnimplementedError(absl::StrCat("the pre-tokenizer \"", name.substr(0, 100),
                                               "\" (tokenizer.ggml.pre) is not known; known are ",
                                               absl::StrJoin(kPresets, ", ", format)));
}

}  // namespace concord::text
