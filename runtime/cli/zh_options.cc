// The help in Chinese, part 1: its frame, and the options that several commands have.
#include "runtime/cli/language.h"

namespace concord::cli {
namespace {

constexpr Phrase kPhrases[] = {
    // The frame.
    {"Usage: ", "用法："},
    {":", "："},
    {"options", "选项"},
    {"Options", "选项"},
    {"Examples", "示例"},
    {"Commands (without one: generate)", "命令（省略时为 generate）"},
    {"run-model COMMAND --help tells more; run-model --version prints the version.",
     "run-model COMMAND --help 查看某个命令的详细说明；run-model --version 显示版本号。"},
    {"Output", "输出"},
    {"results as JSON on standard output", "以 JSON 格式将结果写到标准输出"},
    {"write what happened when, on all devices: JSON for ui.perfetto.dev",
     "记录各设备上的执行时间线，写入此文件：JSON 格式，可用 ui.perfetto.dev 打开"},
    {"nothing on standard error but errors", "标准错误只输出错误信息"},
    {"language of help; results and messages are English", "帮助的语言；运行结果和提示信息均为英文"},
    {"this help", "显示本帮助"},

    // Device.
    {"Device", "设备"},
    {"where to run, as run-model devices lists them: one, or several with commas, or auto",
     "在哪个设备上运行，名称见 run-model devices：一个，或用逗号分隔的多个，或 auto"},
    {"keys that are there before the first of these", "开始写之前上下文中已有的 token 数"},
    {"afterwards, what the plan had said, against the run", "运行后对比预计与实测"},
    {"which part runs where: \"layers 0-7=vulkan:0; output=cpu; *=opencl:0\"; WHAT is layers N or N-M, embed, output, "
     "experts or *",
     "模型的哪个部分在哪个设备上运行：\"layers 0-7=vulkan:0; output=cpu; *=opencl:0\"；每条规则的左边可以是 "
     "layers N 或 layers N-M、embed、output、experts 或 *"},
    {"what a placement that is chosen for you makes fast", "自动分配时以什么为快"},
    {"load a backend plugin (libconcord_backend_*.so); may be repeated",
     "加载后端插件（libconcord_backend_*.so）；可多次使用"},
    {"CPU threads; 0: one a core", "CPU 线程数；0：每个核心一个线程"},
    {"bind each CPU thread to a core", "将每个 CPU 线程绑定到一个核心"},
    {"where prompts are read, when --decode-device answers: the KV cache is handed over",
     "在哪个设备上处理提示词（预填充），与 --decode-device 同用：KV 缓存随后移交给后者"},
    {"where answers are written, when --prefill-device reads",
     "在哪个设备上生成回答（解码），与 --prefill-device 同用"},

    // Model.
    {"Model", "模型"},
    {"a GGUF file (the first part of a split one), a Hugging Face folder, or synthetic:SHAPE[:TYPE], a model with "
     "random "
     "weights, for example synthetic:llama-3.2-1b:q4_k_m",
     "GGUF 文件（若已分片，则为第一个分片）、Hugging Face 模型目录，或 "
     "synthetic:SHAPE[:TYPE]，即随机权重的模型，例如 synthetic:llama-3.2-1b:q4_k_m"},
    {"a GGUF file (the first part of a split one), a Hugging Face folder, or synthetic:SHAPE[:TYPE], a model with "
     "random "
     "weights, for example synthetic:llama-3.2-1b:q4_k_m; without it the built-in demo model",
     "GGUF 文件（若已分片，则为第一个分片）、Hugging Face 模型目录，或 "
     "synthetic:SHAPE[:TYPE]，即随机权重的模型，例如 synthetic:llama-3.2-1b:q4_k_m；省略时使用内置演示模型"},
    {"tokens that prompt and answer may have; 0: the model's own, at most 8192",
     "上下文长度，即提示词与回答合计的最大 token 数；0：取模型自身的上限，但不超过 8192"},
    {"of the KV cache", "KV 缓存的数据类型"},
    {"whether other devices than the CPU first prove themselves on this model: strict and full stop at a wrong result, "
     "warn goes on, full takes its time",
     "CPU 以外的设备是否先在此模型上验证计算结果：strict 和 full 遇到错误结果即停止，warn 继续运行，full 不限时间"},
    {"the same on --decode-device; without it as --kv-type",
     "--decode-device 上 KV 缓存的数据类型；省略时与 --kv-type 相同"},
    {"exact: f32 activations; fast: int8 for quantised weights, and halves for f16 where a device has them",
     "exact：激活值用 f32；fast：遇到量化权重时激活值用 int8，遇到 f16 权重且设备支持时用半精度"},
    {"tokens a step: long prompts go in pieces of this", "每步最多处理的 token 数；较长的提示词按此大小分块预填充"},

    // Sampling.
    {"Sampling (default: what the model's maker recommends)", "采样（默认采用模型作者推荐的参数）"},
    {"0: always the likeliest token; 1: as the model says [0.8]",
     "温度；0：总是选概率最高的 token；1：保持模型的原始分布 [0.8]"},
    {"only the K likeliest; 0: off [40]", "只从概率最高的 K 个 token 中采样；0：关闭 [40]"},
    {"only the likeliest that together have probability P; 1: off [0.95]",
     "只从累积概率达到 P 的最可能的 token 中采样；1：关闭 [0.95]"},
    {"only those at least P times as likely as the likeliest; 0: off [0]",
     "只保留概率不低于最高概率 P 倍的 token；0：关闭 [0]"},
    {"makes recent tokens less likely; 1: off [1]", "重复惩罚：降低近期出现过的 token 的概率；1：关闭 [1]"},
    {"subtracted from the logit of every recent token [0]", "存在惩罚：近期出现过的 token，其 logit 减去此值 [0]"},
    {"the same for each time that it came [0]", "频率惩罚：同上，但按出现次数累加 [0]"},
    {"added to a token's logit, -inf bans it; may be repeated",
     "加到指定 token 的 logit 上，-inf 表示禁用该 token；可多次使用"},
    {"the same seed gives the same text [another one each time]", "随机种子；种子相同则生成的文本相同 [每次随机]"},
    {"with --json: each token's log probability and N alternatives",
     "与 --json 同用：输出每个 token 的对数概率以及 N 个候选"},
    {"When to end", "停止条件"},
    {"tokens to write at most; -1: until the model ends or the context is full",
     "最多生成的 token 数；-1：直到模型自行结束或上下文已满"},
    {"end before this text; may be repeated", "遇到此文本即停止，且不输出该文本；可多次使用"},
    {"go on where the model would end", "忽略结束符，继续生成"},
};

}  // namespace

absl::Span<const Phrase> ChineseOptions() { return kPhrases; }

}  // namespace concord::cli
