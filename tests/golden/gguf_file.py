"""Writes and reads GGUF version 3, and turns a Hugging Face checkpoint into one: names, row order, metadata keys."""

import math
import re
import struct

import numpy as np

ALIGNMENT = 32
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", 10: "Q", 11: "q", 12: "d"}
TENSOR_F32, TENSOR_F16, TENSOR_BF16 = 0, 1, 30
FILE_TYPE = {"float32": 0, "float16": 1, "bfloat16": 32}


def bf16_bits(array):
    """The upper halves of float32 values that are exact in bfloat16."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    assert not np.any(bits & 0xFFFF)
    return (bits >> 16).astype("<u2")


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    """Type id and bytes of a metadata value: bool, int (u32; i32 in lists), float (f32), string, or a list of one."""
    if isinstance(value, list):
        kind = {str: STRING, int: I32, float: F32}[type(value[0])]
        items = b"".join(_string(v) if kind == STRING else struct.pack("<" + SCALARS[kind], v) for v in value)
        return ARRAY, struct.pack("<IQ", kind, len(value)) + items
    if isinstance(value, str):
        return STRING, _string(value)
    kind = {bool: BOOL, int: U32, float: F32}[type(value)]
    return kind, struct.pack("<" + SCALARS[kind], value)


def write(path, metadata, tensors, dtype="float32"):
    """Matrices are stored as `dtype`, vectors as F32, the way converters do."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, data = _value(value)
        head += _string(key) + struct.pack("<I", kind) + data
    body = b""
    for name, array in tensors.items():
        kind, data = TENSOR_F32, array.astype("<f4").tobytes()
        if array.ndim > 1 and dtype == "float16":
            kind, data = TENSOR_F16, array.astype("<f2").tobytes()
        elif array.ndim > 1 and dtype == "bfloat16":
            kind, data = TENSOR_BF16, bf16_bits(array).tobytes()
        head += _string(name) + struct.pack("<I", array.ndim)
        head += b"".join(struct.pack("<Q", n) for n in reversed(array.shape)) + struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)


class Reader:
    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 4
        assert self.data[:4] == b"GGUF" and self.take("I") == 3
        tensor_count, key_count = self.take("Q"), self.take("Q")
        self.metadata = {self.string(): self.value(self.take("I")) for _ in range(key_count)}
        infos = [(self.string(), [self.take("Q") for _ in range(self.take("I"))], self.take("I"), self.take("Q"))
                 for _ in range(tensor_count)]
        base = -(-self.at // ALIGNMENT) * ALIGNMENT
        self.tensors = {name: self.tensor(kind, ne, base + offset) for name, ne, kind, offset in infos}

    def take(self, code):
        value, = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == ARRAY:
            element, count = self.take("I"), self.take("Q")
            return [self.value(element) for _ in range(count)]
        return self.string() if kind == STRING else self.take(SCALARS[kind])

    def tensor(self, kind, ne, offset):
        stored = {TENSOR_F32: "<f4", TENSOR_F16: "<f2", TENSOR_BF16: "<u2"}[kind]
        array = np.frombuffer(self.data, stored, math.prod(ne), offset).reshape(ne[::-1])
        if kind == TENSOR_BF16:
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(np.float64)


LAYER_NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
               "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
               "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
               "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
               "mlp.gate": "ffn_gate_inp",
               "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
               "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
GLOBAL_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
                "wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    layer = re.fullmatch(r"(?:model\.layers|h)\.(\d+)\.(.*)", stem)
    return (f"blk.{layer[1]}.{LAYER_NAMES[layer[2]]}" if layer else GLOBAL_NAMES[stem]) + "." + kind


def interleave_rope_rows(weight, heads):
    """rotate_half pairs rows (i, i + d/2) of a head; the llama arch of GGUF pairs (2i, 2i + 1)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def llama3_divisors(config, width, theta):
    """The rope_freqs.weight tensor: what each inverse frequency is divided by under llama3 scaling."""
    factor, original = config["factor"], config["original_max_position_embeddings"]
    low, high = config["low_freq_factor"], config["high_freq_factor"]
    wavelength = 2 * np.pi * theta ** (np.arange(0, width, 2) / width)
    blend = np.clip((original / wavelength - low) / (high - low), 0, 1)
    return 1 / ((1 - blend) / factor + blend)


def metadata_of(name, config, dtype):
    """Metadata of the model from a config.json that uses the older names (rope_theta, rope_scaling)."""
    arch = config["model_type"].replace("_", "")
    keys = {"general.architecture": arch, "general.name": name, "general.file_type": FILE_TYPE[dtype]}
    if arch == "gpt2":
        values = {"context_length": config["n_positions"], "embedding_length": config["n_embd"],
                  "block_count": config["n_layer"], "feed_forward_length": config["n_inner"] or 4 * config["n_embd"],
                  "attention.head_count": config["n_head"],
                  "attention.layer_norm_epsilon": config["layer_norm_epsilon"]}
    else:
        heads = config["num_attention_heads"]
        width = config.get("head_dim") or config["hidden_size"] // heads
        values = {"vocab_size": config["vocab_size"], "context_length": config["max_position_embeddings"],
                  "embedding_length": config["hidden_size"], "block_count": config["num_hidden_layers"],
                  "feed_forward_length": config["intermediate_size"], "attention.head_count": heads,
                  "attention.head_count_kv": config["num_key_value_heads"],
                  "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
                  "rope.freq_base": float(config["rope_theta"]), "rope.dimension_count": width}
        if "head_dim" in config:
            values |= {"attention.key_length": width, "attention.value_length": width}
        if "num_experts" in config:  # norm_topk_prob has no key: it is meant
            values |= {"expert_count": config["num_experts"], "expert_used_count": config["num_experts_per_tok"],
                       "expert_feed_forward_length": config["moe_intermediate_size"]}
        scaling = config.get("rope_scaling") or {}
        if scaling.get("type") == "linear":
            values |= {"rope.scaling.type": "linear", "rope.scaling.factor": scaling["factor"]}
        if scaling.get("rope_type") == "yarn":
            values |= {"rope.scaling.type": "yarn", "rope.scaling.factor": scaling["factor"],
                       "rope.scaling.original_context_length": scaling["original_max_position_embeddings"],
                       "rope.scaling.yarn_beta_fast": scaling["beta_fast"],
                       "rope.scaling.yarn_beta_slow": scaling["beta_slow"]}
    return keys | {f"{arch}.{key}": value for key, value in values.items()}


def expert_tensors(name, weight, fused):
    """The stacks of a tensor of experts as transformers 5 keeps it: gate_up_proj [E, 2I, D], gate first, or down_proj."""
    layer, kind = re.fullmatch(r"model\.layers\.(\d+)\.mlp\.experts\.(\w+)", name).groups()
    if kind == "down_proj":
        parts = {"down": weight}
    elif fused:
        parts = {"gate_up": weight}
    else:
        half = weight.shape[1] // 2
        parts = {"gate": weight[:, :half], "up": weight[:, half:]}
    return {f"blk.{layer}.ffn_{part}_exps.weight": np.ascontiguousarray(stack) for part, stack in parts.items()}


def tensors_of(config, weights, fused_experts=False):
    """GGUF tensors of a checkpoint with its Hugging Face names (for gpt2: those of the hub, with no prefix)."""
    tensors = {}
    for name, weight in weights.items():
        if name.endswith(".attn.bias"):  # gpt2's stored causal mask
            continue
        if config["model_type"] == "gpt2" and re.search(r"(c_attn|c_proj|c_fc)\.weight$", name):
            weight = weight.T
        if config["model_type"] == "llama" and "q_proj" in name:
            weight = interleave_rope_rows(weight, config["num_attention_heads"])
        if config["model_type"] == "llama" and "k_proj" in name:
            weight = interleave_rope_rows(weight, config["num_key_value_heads"])
        if ".mlp.experts." in name:
            tensors |= expert_tensors(name, weight, fused_experts)
        else:
            tensors[gguf_name(name)] = weight
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "llama3":
        width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        tensors["rope_freqs.weight"] = llama3_divisors(scaling, width, config["rope_theta"])
    return tensors
