#include "runtime/cli/text_width.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/text/utf8.h"

namespace concord::cli {
namespace {

struct Range {
  char32_t first, last;
};

// East_Asian_Width W and F (Unicode 15, UAX #11), neighbouring blocks joined over what is not assigned.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x4DBF},  {0x4E00, 0xA4CF},
                           {0xA960, 0xA97C},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},  {0xFE10, 0xFE19},
                           {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNone[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

template <size_t n>
bool IsIn(const Range (&ranges)[n], char32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [code](const Range& r) { return code >= r.first && code <= r.last; });
}

// Punctuation that may not begin a line, or not end one.
constexpr char32_t kNotFirst[] = U"，。、；：？！）」』》】…—,.;:?!)]";
constexpr char32_t kNotLast[] = U"（「『《【([";

bool Contains(const char32_t* set, char32_t code) {
  while (*set != 0 && *set != code) ++set;
  return *set != 0;
}

struct Char {
  char32_t code;
  size_t bytes, columns;
};

// Bytes that are no UTF-8 count as one column each, as terminals show them.
Char Next(absl::string_view text) {
  const text::Utf8Char c = text::FirstChar(text);
  if (c.size == 0) return {0xFFFD, 1, 1};
  return {c.code, c.size, IsIn(kWide, c.code) ? size_t{2} : IsIn(kNone, c.code) ? size_t{0} : size_t{1}};
}

// What stays on one line: a word, or a wide character with the punctuation that belongs to it.
struct Unit {
  std::string text;
  size_t columns = 0;
  bool after_space = false;
};

bool MayBreak(const Char& before, const Char& after) {
  if (before.columns != 2 && after.columns != 2) return false;
  return !Contains(kNotLast, before.code) && !Contains(kNotFirst, after.code);
}

std::vector<Unit> Units(absl::string_view text) {
  std::vector<Unit> units;
  Char before{' ', 0, 1};
  while (!text.empty()) {
    const Char c = Next(text);
    if (c.code != ' ') {
      if (before.code == ' ' || MayBreak(before, c)) units.push_back({"", 0, before.code == ' '});
      units.back().text.append(text.data(), c.bytes);
      units.back().columns += c.columns;
    }
    text.remove_prefix(c.bytes);
    before = c;
  }
  return units;
}

}  // namespace

size_t Width(absl::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Char c = Next(text);
    columns += c.columns;
    text.remove_prefix(c.bytes);
  }
  return columns;
}

std::string Wrapped(absl::string_view text, size_t indent, size_t width) {
  std::string out;
  size_t column = indent;
  for (const Unit& unit : Units(text)) {
    const size_t space = unit.after_space && column > indent ? 1 : 0;
    if (column > indent && column + space + unit.columns > width) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    } else {
      out.append(space, ' ');
      column += space;
    }
    out += unit.text;
    column += unit.columns;
  }
  return out;
}

}  // namespace concord::cli
