#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace concord::cli {

using Json = nlohmann::ordered_json;

std::string Bytes(double bytes);  // "1.23 GiB"
std::string Count(double count);  // "1.24 B", "135 M"
std::string Ago(int64_t then_s);  // "3 min ago", of seconds since 1970
std::string Join(const std::vector<std::string>& words, absl::string_view separator);

// JSON with two spaces and a newline; bytes that are no UTF-8 become U+FFFD, so that it always parses.
std::string Dump(const Json& json);

// Text in columns as wide as their widest cell; columns of numbers stand to the right.
class Table {
 public:
  // A heading that begins with '>' makes its column stand to the right.
  explicit Table(std::vector<std::string> headings);
  void Row(std::vector<std::string> cells);
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> right_;
};

}  // namespace concord::cli
