#include "runtime/text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "runtime/text/utf8.h"

namespace concord::text {
namespace {

constexpr char32_t kShifted = 256;  // where the 68 bytes without a printable character of their own go
constexpr size_t kShiftedCount = 68;

constexpr bool IsItself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> code{};
  std::array<int16_t, kShifted + kShiftedCount> byte{};
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.byte.fill(-1);
  char32_t next = kShifted;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t code = IsItself(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.code[byte] = code;
    alphabet.byte[code] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> BytesFromAlphabet(absl::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const Utf8Char c = FirstChar(token);
    if (c.size == 0 || c.code >= kAlphabet.byte.size() || kAlphabet.byte[c.code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte[c.code]));
    token.remove_prefix(c.size);
  }
  return bytes;
}

std::string AlphabetFromBytes(absl::string_view bytes) {
  std::string token;
  for (char byte : bytes) AppendUtf8(kAlphabet.code[static_cast<uint8_t>(byte)], &token);
  return token;
}

int ByteOfHexToken(absl::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return -1;
  const int high = HexDigit(token[3]), low = HexDigit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace concord::text
