// kernel_check BEST [GROUP...]: holds every variant of the CPU kernels that this machine runs against the portable one
// and float64, and the packings against a second reading. BEST is the variant that the kernels must choose here by
// themselves, or by CONCORD_CPU_ISA. Exit code 1 when a check fails.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/cpu/linear.h"
#include "tests/cross/kernels/check.h"
#include "tests/unit/kernels/kernel_testing.h"

namespace concord::kernels::cross {

void CheckDispatch(const std::string& best) {
  Check(IsaName(BestIsa()) == best, "best variant", IsaName(BestIsa()), best);
  Check(Kernels().isa == BestIsa(), "variant of the table", IsaName(Kernels().isa), IsaName(BestIsa()));
  const char* wish = std::getenv("CONCORD_CPU_ISA");
  const Isa strongest = SupportedIsas().back();
  if (wish == nullptr || *wish == '\0') Check(strongest == BestIsa(), "strongest variant", IsaName(strongest), best);
  int32_t portable = 0;
  LinearKernels(Isa::kPortable, &portable);
  Check(portable > 0, "portable variants of linear", std::to_string(portable), "some");
  for (int i = 0; i < kIsaCount; ++i) {
    const Isa isa = static_cast<Isa>(i);
    const std::string what = std::string("dispatch ") + IsaName(isa);
    const bool foreign = std::strncmp(IsaName(isa), "avx", 3) == 0;  // this runner is for machines that are no x86
    int32_t count = 0;
    LinearKernels(isa, &count);
    Check(!foreign || !IsaSupported(isa), what, "supported", "not on this architecture");
    Check(count == (foreign ? 0 : portable), what + ": variants of linear", std::to_string(count),
          std::to_string(foreign ? 0 : portable));
    Check(Kernels(isa).isa == (foreign ? Isa::kPortable : isa), what + ": table", IsaName(Kernels(isa).isa), "its own");
  }
}

static int Run(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: kernel_check BEST [dispatch|attention|linear|packing|rows...]\n");
    return 2;
  }
  const auto wanted = [&](const char* group) {
    bool named = argc == 2;
    for (int i = 2; i < argc; ++i) named = named || std::strcmp(argv[i], group) == 0;
    return named;
  };
  auto report = [last = int64_t{0}](const char* group) mutable {
    std::printf("%-9s %lld checks\n", group, static_cast<long long>(Done().checks - last));
    std::fflush(stdout);
    last = Done().checks;
  };
  CheckDispatch(argv[1]);
  report("dispatch");
  const struct {
    const char* name;
    void (*run)();
  } groups[] = {{"attention", CheckAttention}, {"linear", CheckLinear}, {"packing", CheckPacking}, {"rows", CheckRows}};
  for (const auto& group : groups) {
    if (!wanted(group.name)) continue;
    group.run();
    report(group.name);
  }
  const Counts& done = Done();
  std::printf("%s: %lld checks, %lld failed\n", done.failures == 0 ? "passed" : "FAILED",
              static_cast<long long>(done.checks), static_cast<long long>(done.failures));
  return done.failures == 0 ? 0 : 1;
}

}  // namespace concord::kernels::cross

int main(int argc, char** argv) { return concord::kernels::cross::Run(argc, argv); }
