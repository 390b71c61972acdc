#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "concord/concord.h"

namespace concord {

// The ids of each request to its end, which has to be a good one.
inline std::vector<std::vector<int32_t>> TokenIds(std::vector<Stream> streams) {
  std::vector<std::vector<int32_t>> ids(streams.size());
  for (size_t r = 0; r < streams.size(); ++r) {
    for (const Token& token : streams[r]) ids[r].push_back(token.id);
    EXPECT_TRUE(streams[r].status().ok()) << streams[r].status();
  }
  return ids;
}

}  // namespace concord
