"""Writes GGUF version 3: a small writer of its own, Q8_0 for matrices and F32 for vectors."""
import json
import struct

import numpy as np

ALIGN = 32
U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
I32 = 5
TYPE_F32, TYPE_Q8_0 = 0, 8
FILE_TYPE_Q8_0 = 7
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3


def pack_string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def pack_value(kind, value):
    if kind == STRING:
        return pack_string(value)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def pack_pair(key, kind, value):
    """One key and value; `kind` is a value type, or (ARRAY, element type)."""
    if isinstance(kind, tuple):
        body = struct.pack("<IIQ", ARRAY, kind[1], len(value)) + b"".join(pack_value(kind[1], v) for v in value)
    else:
        body = struct.pack("<I", kind) + pack_value(kind, value)
    return pack_string(key) + body


def quantize_q8_0(matrix):
    """Blocks of 32: a half-precision scale max|x|/127, then 32 signed bytes."""
    blocks = np.ascontiguousarray(matrix, np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127.0
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    out = np.empty(len(blocks), dtype=[("d", "<f2"), ("q", "i1", 32)])
    out["d"] = scale[:, 0].astype(np.float16)
    out["q"] = np.rint(blocks * inverse).astype(np.int8)
    return out.tobytes()


def write_gguf(path, pairs, tensors):
    """pairs: (key, kind, value); tensors: (name, array), written in this order."""
    infos, chunks, offset = b"", [], 0
    for name, array in tensors:
        data = quantize_q8_0(array) if array.ndim == 2 else array.astype("<f4").tobytes()
        kind = TYPE_Q8_0 if array.ndim == 2 else TYPE_F32
        infos += pack_string(name) + struct.pack("<I", array.ndim)
        infos += struct.pack(f"<{array.ndim}Q", *reversed(array.shape)) + struct.pack("<IQ", kind, offset)
        data += bytes(-len(data) % ALIGN)
        chunks.append(data)
        offset += len(data)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    head += b"".join(pack_pair(*pair) for pair in pairs) + infos
    head += bytes(-len(head) % ALIGN)
    path.write_bytes(head + b"".join(chunks))


def tokenizer_pairs(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    types = [TOKEN_CONTROL if i == 0 else TOKEN_NORMAL for i in range(len(tokens))]
    prefix = "tokenizer.ggml."
    return [(prefix + "model", STRING, "gpt2"), (prefix + "pre", STRING, "gpt-2"),
            (prefix + "tokens", (ARRAY, STRING), tokens), (prefix + "token_type", (ARRAY, I32), types),
            (prefix + "merges", (ARRAY, STRING), merges), (prefix + "bos_token_id", U32, 0),
            (prefix + "eos_token_id", U32, 0), (prefix + "add_bos_token", BOOL, True),
            (prefix + "add_eos_token", BOOL, False)]


def write_demo(path, state, config, tokenizer, note):
    pairs = [("general.architecture", STRING, "llama"), ("general.type", STRING, "model"),
             ("general.name", STRING, "Concord demo"), ("general.organization", STRING, "Concord"),
             ("general.description", STRING, f"Writes short children's stories; trained on generated text ({note})"),
             ("general.license", STRING, "apache-2.0"), ("general.size_label", STRING, "3M"),
             ("general.languages", (ARRAY, STRING), ["en"]), ("general.quantization_version", U32, 2),
             ("general.file_type", U32, FILE_TYPE_Q8_0), ("llama.vocab_size", U32, config.vocab),
             ("llama.context_length", U32, config.context), ("llama.embedding_length", U32, config.dim),
             ("llama.block_count", U32, config.layers), ("llama.feed_forward_length", U32, config.ffn),
             ("llama.attention.head_count", U32, config.heads),
             ("llama.attention.head_count_kv", U32, config.kv_heads),
             ("llama.attention.layer_norm_rms_epsilon", F32, config.eps),
             ("llama.rope.freq_base", F32, config.rope_base), ("llama.rope.dimension_count", U32, config.head_dim)]
    tensors = [(name, value.detach().float().cpu().numpy()) for name, value in state.items()]
    write_gguf(path, pairs + tokenizer_pairs(tokenizer), tensors)
