// launch_list PLUGIN MODEL CONTEXT [exact|fast]: what decoding one token launches on a GPU of PLUGIN with the context
// full: launches, invocations and bytes of each kernel, and what its SPIR-V consists of. For judging kernels where no
// GPU is at hand; nothing is run.
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_format.h"
#include "backends/gpu/kernel_variants.h"
#include "backends/gpu/launch_builder.h"
#include "backends/gpu/op_rows.h"
#include "backends/vulkan/shaders.h"
#include "runtime/exec/planner.h"

namespace concord {
namespace {

// SPIR-V instructions of a kind that costs something. Source: SPIR-V specification 1.6, sections 3.42 and 3.7.
struct SpirvCount {
  int all = 0, wide_loads = 0, loads = 0, stores = 0, shared = 0, floats = 0, integers = 0, dots = 0, barriers = 0,
      subgroup = 0;
};

class SpirvReader {
 public:
  explicit SpirvReader(const vulkan::Shader& shader) {
    constexpr size_t kHeaderWords = 5;
    const size_t n_words = shader.size_bytes / 4;
    for (size_t at = kHeaderWords; at < n_words;) {
      const uint32_t* i = shader.words + at;
      const uint32_t length = i[0] >> 16;
      if (length == 0) break;
      Read(i[0] & 0xFFFF, i);
      at += length;
    }
  }
  const SpirvCount& count() const { return count_; }

 private:
  enum Op : uint32_t {
    kTypeVector = 23,
    kTypePointer = 32,
    kLoad = 61,
    kStore = 62,
    kAccessChain = 65,
    kIAdd = 128,
    kFAdd = 129,
    kISub = 130,
    kFSub = 131,
    kIMul = 132,
    kFMul = 133,
    kFDiv = 136,
    kFNegate = 127,
    kExtInst = 12,
    kShiftRight = 194,
    kBitAnd = 199,
    kControlBarrier = 224,
    kGroupFAdd = 350,
    kGroupFMax = 358,
    kSDot = 4450,
  };
  enum StorageClass : uint32_t { kWorkgroup = 4, kStorageBuffer = 12 };

  void Read(uint32_t op, const uint32_t* i) {
    ++count_.all;
    switch (op) {
      case kTypeVector:
        vectors_.insert(i[1]);
        break;
      case kTypePointer:
        class_of_type_[i[1]] = i[2];
        break;
      case kAccessChain:
        class_of_id_[i[2]] = class_of_type_[i[1]];
        break;
      case kLoad:
        if (class_of_id_[i[3]] == kStorageBuffer) ++(vectors_.count(i[1]) != 0 ? count_.wide_loads : count_.loads);
        if (class_of_id_[i[3]] == kWorkgroup) ++count_.shared;
        break;
      case kStore:
        if (class_of_id_[i[1]] == kStorageBuffer) ++count_.stores;
        if (class_of_id_[i[1]] == kWorkgroup) ++count_.shared;
        break;
      case kFAdd:
      case kFSub:
      case kFMul:
      case kFDiv:
      case kFNegate:
      case kExtInst:
        ++count_.floats;
        break;
      case kIAdd:
      case kISub:
      case kIMul:
        ++count_.integers;
        break;
      case kSDot:
        ++count_.dots;
        break;
      case kControlBarrier:
        ++count_.barriers;
        break;
      case kGroupFAdd:
      case kGroupFMax:
        ++count_.subgroup;
        break;
      default:
        if (op >= kShiftRight && op <= kBitAnd) ++count_.integers;
    }
  }

  SpirvCount count_;
  std::set<uint32_t> vectors_;
  std::map<uint32_t, uint32_t> class_of_type_, class_of_id_;
};

struct Total {
  int64_t launches = 0, invocations = 0;
  double read = 0, written = 0;
};

class Step {
 public:
  Step(const exec::Planner& model, int64_t context) : desc_(model.parts()[0]->lowered->desc()), graph_(desc_) {
    const int64_t blocks = (context + exec::kBlockTokens - 1) / exec::kBlockTokens;
    const exec::StepCapacities sizes = {1, 1, 1, blocks, blocks};
    const sdk::Graph& graph = graph_.graph();
    for (uint32_t s = 0; s < graph.n_symbols(); ++s) {
      symbols_.push_back(sizes.symbols().at(std::string(sdk::FromC(graph.symbol(s).name))));
    }
  }

  absl::Status Run(const gpu::Limits& limits) {
    gpu::LaunchBuilder builder(limits);
    for (uint32_t i = 0; i < graph_.graph().n_ops(); ++i) {
      builder.BeginOp(i);
      sdk::Result<bool> added = gpu::Ops().Compile(graph_.graph().op(i), builder);
      if (!added.ok()) return absl::InternalError(added.status().message);
    }
    for (const gpu::Launch& launch : builder.launches()) Add(builder, launch);
    return absl::OkStatus();
  }

  const std::map<std::string, Total>& totals() const { return totals_; }

 private:
  int64_t Extent(const concord_dim& d) const { return d.value + (d.symbol == CONCORD_NONE ? 0 : symbols_[d.symbol]); }
  int64_t Evaluate(const gpu::Size& size) const {
    int64_t product = size.factor;
    for (const concord_dim& d : size.dims) product *= Extent(d);
    return (product + size.divisor - 1) / size.divisor;
  }
  double Bytes(const sdk::Value& v) const {
    double elems = 1;
    for (uint32_t d = 0; d < v.rank(); ++d) elems *= static_cast<double>(Extent(v.desc.dims[d]));
    return elems / v.desc.type.block_elems * v.desc.type.block_bytes;
  }

  void Add(const gpu::LaunchBuilder& builder, const gpu::Launch& launch) {
    Total& total = totals_[launch.kernel.name];  // also of those that other steps launch
    for (const gpu::Condition& c : launch.when) {
      const int64_t value = Evaluate(c.size);
      if (value < c.at_least || value > c.at_most) return;
    }
    const int64_t groups = Evaluate(launch.groups) * Evaluate(launch.layers);
    if (groups == 0) return;
    ++total.launches;
    total.invocations += groups * launch.kernel.constants[0].value;
    std::set<std::tuple<int, uint32_t, uint32_t>> seen;
    for (const gpu::Arg& arg : launch.args) {
      if (!seen.insert({static_cast<int>(arg.kind), arg.index, arg.part}).second) continue;  // a second view
      double bytes = 0;
      if (arg.kind == gpu::Arg::Kind::kScratch) {
        bytes = static_cast<double>(Evaluate(builder.scratch()[arg.index].bytes));
      } else if (arg.kind == gpu::Arg::Kind::kValue) {
        bytes = Bytes(graph_.graph().value(arg.index));
      } else if (launch.kernel.name.rfind("embed", 0) != 0) {  // which reads a row of it
        bytes = static_cast<double>(builder.Layout(graph_.graph().value(arg.index)).parts[arg.part].bytes);
      }
      const bool one_token = launch.kernel.name == "kv_append" && bytes > 1e5;  // state, of which it writes a row
      (arg.write ? total.written : total.read) += one_token ? 0 : bytes;
    }
  }

  concord_program_desc desc_;
  sdk::GraphCopy graph_;
  std::vector<int64_t> symbols_;
  std::map<std::string, Total> totals_;
};

absl::Status Print(const std::string& plugin, const std::string& model, int64_t context, const std::string& compute) {
  const LoadOptions options = {
      .devices = {"vulkan"}, .plugins = {plugin}, .compute = compute, .context_tokens = context};
  CONCORD_ASSIGN_OR_RETURN(auto source, exec::OpenSource(model, {.no_weights = true}));
  CONCORD_ASSIGN_OR_RETURN(auto devices, exec::OpenDevices(options));
  CONCORD_ASSIGN_OR_RETURN(const auto planner, exec::Planner::Make(std::move(source), std::move(devices),
                                                                   {graph::DeviceModel{}}, options, EngineOptions{}));
  Step step(*planner, context);
  gpu::Limits limits;  // of a card: subgroups of 32, 48 KiB, 4 GiB ranges
  limits.max_workgroup = 1024;
  limits.shared_bytes = 48 << 10;
  limits.subgroup_size = 32;
  limits.max_range_bytes = (uint64_t{1} << 32) - 256;
  limits.max_part_bytes = uint64_t{256} << 20;
  CONCORD_RETURN_IF_ERROR(step.Run(limits));
  absl::PrintF("| kernel | launches | invocations | MB read | MB written |\n|---|---|---|---|---|\n");
  Total all;
  for (const auto& [name, total] : step.totals()) {
    if (total.launches == 0) continue;
    absl::PrintF("| %s | %d | %d | %.3f | %.3f |\n", name, total.launches, total.invocations, total.read / 1e6,
                 total.written / 1e6);
    all.launches += total.launches;
    all.read += total.read;
    all.written += total.written;
  }
  absl::PrintF("| all | %d | | %.3f | %.3f |\n\n", all.launches, all.read / 1e6, all.written / 1e6);
  absl::PrintF(
      "| kernel | instructions | 16-byte loads | 4-byte loads | stores | shared | float | integer | int8 dots | "
      "barriers | subgroup |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [name, total] : step.totals()) {
    const vulkan::Shader* shader = nullptr;
    for (uint32_t features = gpu::kSubgroups | gpu::kInt8Dot | gpu::kFp16; shader == nullptr; --features) {
      shader = vulkan::FindShader(name, features);
    }
    const SpirvCount c = SpirvReader(*shader).count();
    absl::PrintF("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", name, c.all, c.wide_loads, c.loads,
                 c.stores, c.shared, c.floats, c.integers, c.dots, c.barriers, c.subgroup);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace concord

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return std::fputs("usage: launch_list PLUGIN MODEL CONTEXT [exact|fast]\n", stderr), 2;
  const absl::Status status = concord::Print(argv[1], argv[2], std::atoll(argv[3]), argc == 5 ? argv[4] : "fast");
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
