#include <benchmark/benchmark.h>

namespace concord::kernels {
void RegisterLinearBenchmarks();
}  // namespace concord::kernels

int main(int argc, char** argv) {
  concord::kernels::RegisterLinearBenchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
