// What --trace costs, for BENCHMARKS.md: trace_cost MODEL TOKENS ROUNDS. Two engines in one process, one of them
// traced, write the same tokens in turn. Counted is the processor time of all threads, which neighbours on the machine
// hardly change, and the time on the clock, which they do.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "concord/concord.h"

namespace {

struct Cost {
  double processor, clock;  // microseconds a token
};

Cost Now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  const std::chrono::duration<double, std::micro> clock = std::chrono::steady_clock::now().time_since_epoch();
  return {static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3, clock.count()};
}

absl::StatusOr<concord::Engine> MakeEngine(const std::string& path, const concord::Trace& trace) {
  auto model = concord::Model::Load(path, {.threads = 1, .context_tokens = 512, .trace = trace});
  if (!model.ok()) return model.status();
  return concord::Engine::Create(*model, {.max_sequences = 1});
}

Cost Write(concord::Engine& engine, int64_t tokens) {
  concord::Request request;
  request.prompt_tokens = {1};
  request.sampling.temperature = 0;
  request.max_tokens = tokens;
  request.ignore_eos = true;
  const Cost before = Now();
  auto stream = engine.Generate(request);
  while (stream.ok() && stream->Next().has_value()) {
  }
  const Cost after = Now();
  const auto n = static_cast<double>(tokens);
  return {(after.processor - before.processor) / n, (after.clock - before.clock) / n};
}

double Median(const std::vector<Cost>& costs, double Cost::*field) {
  std::vector<double> values;
  for (const Cost& cost : costs) values.push_back(cost.*field);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: trace_cost MODEL TOKENS ROUNDS\n"), 2;
  const int64_t tokens = std::atoll(argv[2]), rounds = std::max(1LL, std::atoll(argv[3]));
  const concord::Trace trace = concord::Trace::Create();
  absl::StatusOr<concord::Engine> engines[] = {MakeEngine(argv[1], {}), MakeEngine(argv[1], trace)};
  std::vector<Cost> costs[2];
  for (int64_t round = -1; round < rounds; ++round) {  // the first is for warming up
    for (const int64_t turn : {0, 1}) {
      const int64_t traced = (turn + round) & 1;
      if (!engines[traced].ok()) return std::fprintf(stderr, "%s\n", engines[traced].status().ToString().c_str()), 1;
      const Cost cost = Write(*engines[traced], tokens);
      if (round >= 0) costs[traced].push_back(cost);
    }
  }
  for (const auto& [name, field] : {std::pair{"processor", &Cost::processor}, std::pair{"clock", &Cost::clock}}) {
    const double off = Median(costs[0], field), on = Median(costs[1], field);
    std::printf("%-9s  off %10.2f us/token  on %10.2f us/token  %+.2f %%\n", name, off, on, 100 * (on / off - 1));
  }
  std::printf("dropped %lld\n", static_cast<long long>(trace.dropped_events()));
  return 0;
}
