// The help in Chinese, part 2: what each command says of itself.
#include "runtime/cli/language.h"

namespace concord::cli {
namespace {

constexpr Phrase kPhrases[] = {
    // bench
    {"Measure how fast a model reads a prompt and writes, and how near that is to the machine's limits",
     "测量模型的预填充与解码速度，以及与机器极限的差距"},
    {"Speeds are medians. Rates come from the operations and bytes that the model's graph needs at least; the "
     "machine's own limits are measured in the same run with the same threads; of a device with memory of its own "
     "that is the speed of a copy within it. Prompts are random tokens.",
     "速度取中位数。算力与带宽按模型计算图最少所需的运算量和字节数折算；机器自身的极限在同一次运行中用相同的线程实测；"
     "自带显存的设备则以其内部拷贝速度为极限。"
     "提示词由随机 token 组成。"},
    {"Measurement", "测量"},
    {"length of the prompt; 0: leave out [512]", "预填充的 token 数，即提示词长度；0：不测 [512]"},
    {"tokens to write; 0: leave out [128]", "解码生成的 token 数；0：不测 [128]"},
    {"sequences at once", "同时处理的序列数"},
    {"repetitions", "重复次数"},
    {"do not measure the machine's limits", "不测量机器的极限"},
    {"a model of a real shape, no download", "与真实模型同规格的随机模型，无需下载"},
    {"shorter, for a program", "缩短测量时间，结果供程序读取"},

    // cache
    {"List or clear what is kept on disk: compiled kernels, measured devices",
     "列出或清除磁盘缓存：已编译的内核、设备实测数据"},
    {"The folder is CONCORD_CACHE_DIR, else concord in XDG_CACHE_HOME, else ~/.cache/concord. All of it is made "
     "again when it is missed. Beyond CONCORD_CACHE_MAX_BYTES (4 GiB) what was not used for longest is removed.",
     "缓存目录为 CONCORD_CACHE_DIR；未设置时为 XDG_CACHE_HOME 下的 concord，再否则为 ~/.cache/concord。"
     "缓存内容缺失时会自动重新生成。总量超过 CONCORD_CACHE_MAX_BYTES（默认 4 GiB）时，删除最久未用的文件。"},
    {"list: what is kept; clear: remove it", "list：列出缓存内容；clear：清除"},
    {"only files of this kind", "只处理此类文件"},
    {"what is kept, where, and how much it is", "缓存了什么、在哪里、占用多少"},
    {"devices are measured anew", "清除后设备会重新实测"},

    // cts
    {"Prove a backend plugin: every op, whole tiny models, memory, queues and faults",
     "后端插件一致性测试：所有算子、完整的微型模型、内存、队列与故障"},
    {"Refused is not passed: a case that the profile needs and the device refuses makes the suite not green, unless "
     "the "
     "exclusions say why. Excluded cases run all the same, and one that passes makes the suite not green either. A "
     "failing case prints the command that repeats it alone.\n"
     "Exit codes: 0 green, 1 not green, 2 usage, 5 the plugin or its device cannot be used.",
     "拒绝不等于通过：规格要求而设备拒绝的用例会使整套测试不合格，除非排除文件中写明了原因。被排除的用例仍会运行；"
     "若其中有用例意外通过，整套测试同样不合格。失败的用例会给出可单独重跑它的命令。\n"
     "退出码：0 合格，1 不合格，2 用法错误，5 插件或其设备无法使用。"},
    {"the backend plugin to prove (libconcord_backend_*.so)", "要测试的后端插件（libconcord_backend_*.so）"},
    {"which device: the first of the plugin, without a plugin cpu",
     "测试哪个设备；默认为插件的第一个设备，未指定插件时为 cpu"},
    {"Cases", "用例"},
    {"what the device has to be good for, as --profiles lists them", "设备须满足的规格，名称见 --profiles"},
    {"list the profiles and end", "列出所有规格后退出"},
    {"only these cases: names in which * stands for anything, separated by commas",
     "只运行这些用例：名称以逗号分隔，* 匹配任意字符"},
    {"list the names of the cases and end", "列出用例名称后退出"},
    {"what is known not to work: lines of a pattern and the reason; # begins a comment",
     "已知无法通过的用例：每行一个名称模式及其原因；# 之后为注释"},
    {"other inputs of the same shapes", "随机种子：形状不变，换一组输入数据"},
    {"runs a case, each with the next seed", "每个用例运行的次数，种子依次加一"},
    {"also time ops at the sizes of a real model", "同时测量真实模型规模下各算子的速度"},
    {"write the report as JSON; -: to standard output, instead of the text",
     "以 JSON 格式写入报告；-：写到标准输出，代替文本报告"},
    {"write the report as one page that needs nothing but itself", "将报告写成一个自包含的网页"},
    {"prove a plugin", "测试一个插件"},
    {"while it is being written", "在插件开发过程中使用"},
    {"only the speed report", "只测速度"},
    {"with what is known not to work, as a page", "附排除文件，并输出网页报告"},

    // devices
    {"List the devices that models can run on", "列出可以运行模型的设备"},
    {"load a backend plugin as well; may be repeated", "同时加载一个后端插件；可多次使用"},
    {"what --device may name", "--device 可用的名称"},
    {"with the plugins of a folder", "同时加载某个目录中的插件"},

    // doctor
    {"Say what was found on this machine, what was not, and why", "检查本机：找到了什么，缺少什么，原因何在"},
    {"look at this backend plugin as well; may be repeated", "同时检查此后端插件；可多次使用"},
    {"do not measure devices that were not measured yet: two seconds each",
     "不实测尚未测量过的设备（每个设备约需两秒）"},
    {"what was found, what was not, and why", "找到了什么，缺少什么，原因何在"},
    {"to put into a bug report", "便于附在问题报告中"},

    // export-graph
    {"Write the graph of a model as text (protobuf), for reading and for other tools",
     "将模型的计算图导出为文本（protobuf），供阅读和其他工具使用"},
    {"The format is graph.proto: ops, shapes, and which tensor of the file each weight is. Before fusion.",
     "格式由 graph.proto 定义：算子、形状，以及每个权重对应文件中的哪个张量。导出的是算子融合之前的图。"},
    {"write there instead of standard output", "写入此文件，而不是标准输出"},
    {"for rope tables that depend on it; 0: what the model was made for",
     "上下文长度，供与之相关的 RoPE 表使用；0：取模型自身的上限"},
    {"the graph as a file", "将计算图存为文件"},

    // generate
    {"Let a model write: prints the prompt and what comes after it", "让模型续写：输出提示词及其后续文本"},
    {"On a terminal without a prompt: a chat. Text goes to standard output, all else to standard error.\n"
     "Exit codes: 0 done, 2 usage, 3 bad model file, 4 not enough memory, 5 device or plugin, 130 interrupted.",
     "在终端上运行且未给提示词时，进入对话。生成的文本写到标准输出，其余信息写到标准错误。\n"
     "退出码：0 成功，2 用法错误，3 模型文件有误，4 内存不足，5 设备或插件故障，130 被用户中断。"},
    {"Prompt", "提示词"},
    {"go on from this text", "从这段文本开始续写"},
    {"go on from the text in this file; -: standard input", "从此文件中的文本开始续写；-：标准输入"},
    {"without the token that the model puts in front by itself", "不在开头添加模型默认的起始 token（BOS）"},
    {"the built-in model; on a terminal, a chat", "使用内置模型；在终端上进入对话"},
    {"prints the prompt and what comes after it", "输出提示词及其后续文本"},
    {"a Hugging Face folder, always the same text", "使用 Hugging Face 模型目录，每次生成的文本都相同"},
    {"on two devices, and whether it went as planned", "在两个设备上运行，并查看是否符合预计"},
    {"where the time went: open trace.json in ui.perfetto.dev", "查看时间花在哪里：用 ui.perfetto.dev 打开 trace.json"},
    {"prompt from a pipe, one JSON object out", "从管道读入提示词，输出一个 JSON 对象"},

    // inspect
    {"Show what is in a model file: settings, tensors, totals", "查看模型文件的内容：配置、张量与汇总"},
    {"Reads the head of the file only. Shapes are outermost dimension first.",
     "只读取文件头部。形状按从最外层维度到最内层维度的顺序书写。"},
    {"a GGUF file, a Hugging Face folder, or synthetic:SHAPE[:TYPE]",
     "GGUF 文件、Hugging Face 模型目录，或 synthetic:SHAPE[:TYPE]"},
    {"list every tensor with its type, shape and bytes", "列出每个张量的类型、形状和字节数"},
    {"leave out the settings", "不显示配置"},
    {"settings and totals", "配置与汇总"},
    {"the table of tensors", "张量列表"},
    {"for other programs", "供其他程序读取"},

    // perplexity
    {"Measure how well a model foretells a text", "测量模型对一段文本的困惑度"},
    {"The text is cut into windows of --context tokens (512, or what the model was made for), each --stride further "
     "on. "
     "Every token is scored once, in the first window that holds it, so that all but those of the first window are "
     "foretold from at least context - stride tokens. The value is exp of the mean of -log p; the error is one "
     "standard "
     "error, tokens taken as independent. The model's BOS, if it has one, begins every window.",
     "文本被切成长度为 --context 个 token 的窗口（默认 512，或模型自身的上限），相邻窗口相距 --stride 个 token。每个 "
     "token 只在首个包含它的窗口中计分一次，因此除第一个窗口外，每个 token 之前至少有 context - stride 个 token "
     "的上文。结果为 -log p 均值的指数；误差为一倍标准误差，假定各 token 相互独立。若模型有 "
     "BOS，则每个窗口都以它开头。"},
    {"the text; -: standard input", "文本文件；-：标准输入"},
    {"how far a window moves; 0: half of --context", "窗口每次移动的 token 数；0：--context 的一半"},
    {"how well it foretells a text; less is better", "模型预测文本的能力；数值越低越好"},

    // plan
    {"Say what running a model takes, before any weight is read", "在读取权重之前，估算运行模型所需的资源"},
    {"The graph is built, placed, fused and compiled for the devices, and asked for every size; times come from a "
     "two-second measurement of each device, which is kept. Weights that the CPU uses where they lie in the file need "
     "no "
     "memory of the process's own, so they may exceed what is free.",
     "构建计算图，分配到各设备，融合并编译，再逐项求出大小；时间来自对每个设备约两秒的测量，结果会保存下来。CPU "
     "直接使用文件映射中的权重，不占用进程自身的内存，因此权重可以超过空闲内存。"},
    {"requests at once, each with a full context", "同时处理的请求数，每个请求占满上下文"},
    {"also where every intermediate value lies", "同时列出每个中间结果的存放位置"},
    {"whether that fits in this machine's memory", "判断本机内存是否足够"},
    {"a model that you do not have yet", "尚未下载的模型"},
    {"how two devices would share it, and how fast", "两个设备如何分担，以及有多快"},

    // quantize
    {"Make a smaller file of a model by storing its weights in fewer bits", "量化：用更少的比特存储权重，缩小模型文件"},
    {"Every matrix is stored so, but with q4_k_m and q5_k_m, which store most in q4_k or q5_k, those that matter most "
     "(output, some attn_v and ffn_down) are q6_k, and with mxfp4 they are q8_0. Vectors stay f32.",
     "所有矩阵存为同一类型；但 q4_k_m 和 q5_k_m 将大多数矩阵存为 q4_k 或 q5_k，最敏感的几类（output、部分 attn_v 和 "
     "ffn_down）存为 q6_k，mxfp4 则将它们存为 q8_0。向量保持 f32。"},
    {"a GGUF file of F32, F16 or BF16 weights", "权重为 F32、F16 或 BF16 的 GGUF 文件"},
    {"the GGUF file to write; it appears when it is complete", "要写入的 GGUF 文件；全部写完后才会出现"},
    {"what to write", "目标类型"},
    {"a quarter of the size", "缩小到约四分之一"},

    // tokenize
    {"Show the tokens that a model makes of a text", "查看模型如何将文本切分为 token"},
    {"whose tokenizer: a GGUF file or a Hugging Face folder",
     "使用哪个模型的分词器：GGUF 文件或 Hugging Face 模型目录"},
    {"what to tokenize", "要切分的文本"},
    {"tokenize this file instead", "改为切分此文件"},
    {"tokenize standard input instead", "改为切分标准输入"},
    {"only the ids, separated by spaces", "只输出 token 编号，以空格分隔"},
    {"take special tokens in the text (<|im_end|>) as plain letters",
     "将文本中的特殊 token（如 <|im_end|>）当作普通字符"},
    {"ids and pieces, a line each", "每行一个 token：编号与文本片段"},
    {"how many tokens a file has", "统计文件的 token 数"},
};

}  // namespace

absl::Span<const Phrase> ChineseCommands() { return kPhrases; }

}  // namespace concord::cli
