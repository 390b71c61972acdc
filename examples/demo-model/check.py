#!/usr/bin/env python3
"""Reads demo.gguf with numpy alone and writes text with it, to prove that the file itself is whole.

    python3 check.py                            greedy stories for a few prompts
    python3 check.py -p "One day" -t 0.7        one story, sampled
    python3 check.py --expect expected.json     the known greedy continuations must come out again
    python3 check.py --write expected.json      writes them

It shares no code with train.py: container, Q8_0, tokenizer and float32 forward pass are written again.
"""
import argparse
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PROMPTS = ["Once upon a time", "One day, a little fox", "The little fox", "A girl named Lily"]
# the best two logits stay 0.02 apart and more on the way of these, so that rounding does not change the text
FIRM_PROMPTS = ["Once upon a time", "Long ago", "Ben was a brave boy", "The little bear was hungry."]
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


class Reader:
    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 0

    def take(self, code):
        value, = struct.unpack_from(code, self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def string(self):
        size = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode("utf-8")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            element, count = self.take("<I"), self.take("<Q")
            return [self.value(element) for _ in range(count)]
        return self.take(SCALARS[kind])


def load(path):
    """The metadata and the tensors as float32 arrays in row-major [rows, columns] order."""
    r = Reader(path)
    magic, version, tensor_count, pair_count = r.take("4s"), r.take("<I"), r.take("<Q"), r.take("<Q")
    if (magic, version) != (b"GGUF", 3):
        sys.exit(f"{path}: not a GGUF file of version 3")
    meta = {}
    for _ in range(pair_count):
        key = r.string()
        meta[key] = r.value(r.take("<I"))
    infos = []
    for _ in range(tensor_count):
        name = r.string()
        shape = [r.take("<Q") for _ in range(r.take("<I"))]
        infos.append((name, shape[::-1], r.take("<I"), r.take("<Q")))
    base = (r.at + 31) // 32 * 32
    return meta, {name: tensor(r.data, shape, kind, base + offset) for name, shape, kind, offset in infos}


def tensor(data, shape, kind, at):
    count = int(np.prod(shape))
    if kind == 0:
        return np.frombuffer(data, "<f4", count, at).reshape(shape)
    if kind != 8:
        sys.exit(f"tensor type {kind} is not known here")
    blocks = np.frombuffer(data, [("d", "<f2"), ("q", "i1", 32)], count // 32, at)
    return (blocks["d"].astype(np.float32)[:, None] * blocks["q"].astype(np.float32)).reshape(shape)


class Tokenizer:
    def __init__(self, meta):
        self.tokens = meta["tokenizer.ggml.tokens"]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.ranks = {tuple(m.split(" ")): i for i, m in enumerate(meta["tokenizer.ggml.merges"])}
        plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        rest = [b for b in range(256) if b not in plain]
        self.letters = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}
        self.bytes = {c: b for b, c in self.letters.items()}

    def encode(self, text):
        out = []
        for piece in PIECES.findall(text):
            parts = [self.letters[b] for b in piece.encode("utf-8")]
            while len(parts) > 1:
                rank, i = min((self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[i:i + 2] = [parts[i] + parts[i + 1]]
            out += [self.ids[p] for p in parts]
        return out

    def decode(self, ids):
        return bytes(self.bytes[c] for i in ids for c in self.tokens[i]).decode("utf-8", "replace")


class Model:
    def __init__(self, meta, tensors):
        self.w, self.n = tensors, meta["llama.block_count"]
        self.heads, self.kv_heads = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
        self.eps, self.dim = meta["llama.attention.layer_norm_rms_epsilon"], meta["llama.rope.dimension_count"]
        self.context = meta["llama.context_length"]
        self.inverse = meta["llama.rope.freq_base"] ** (-np.arange(0, self.dim, 2) / self.dim)
        self.cache = [([], []) for _ in range(self.n)]

    def norm(self, x, name):
        return x / np.sqrt(np.mean(x * x) + np.float32(self.eps)) * self.w[name]

    def rope(self, x, position):
        angle = position * self.inverse
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        out = np.empty_like(x)
        out[:, 0::2] = x[:, 0::2] * cos - x[:, 1::2] * sin
        out[:, 1::2] = x[:, 0::2] * sin + x[:, 1::2] * cos
        return out

    def attend(self, block, h, position):
        keys, values = self.cache[block]
        q, k, v = (self.w[f"blk.{block}.attn_{n}.weight"] @ h for n in "qkv")
        q = self.rope(q.reshape(self.heads, self.dim), position)
        keys.append(self.rope(k.reshape(self.kv_heads, self.dim), position))
        values.append(v.reshape(self.kv_heads, self.dim))
        group = self.heads // self.kv_heads
        all_k, all_v = (np.repeat(np.stack(x, 1), group, axis=0) for x in (keys, values))
        scores = np.einsum("hd,htd->ht", q, all_k) / np.float32(self.dim ** 0.5)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return self.w[f"blk.{block}.attn_output.weight"] @ np.einsum("ht,htd->hd", weights, all_v).ravel()

    def step(self, token):
        """The logits after one more token."""
        position = len(self.cache[0][0])
        x = self.w["token_embd.weight"][token]
        for b in range(self.n):
            x = x + self.attend(b, self.norm(x, f"blk.{b}.attn_norm.weight"), position)
            h = self.norm(x, f"blk.{b}.ffn_norm.weight")
            gate, up = self.w[f"blk.{b}.ffn_gate.weight"] @ h, self.w[f"blk.{b}.ffn_up.weight"] @ h
            x = x + self.w[f"blk.{b}.ffn_down.weight"] @ (gate / (1 + np.exp(-gate)) * up)
        return self.w["token_embd.weight"] @ self.norm(x, "output_norm.weight")


def generate(meta, tensors, prompt_ids, limit, temperature=0.0, seed=0):
    """Continuation ids up to the end of the story, and the smallest gap between the best two logits."""
    model, rng, out, gap = Model(meta, tensors), np.random.default_rng(seed), [], np.inf
    for token in prompt_ids:
        logits = model.step(token)
    while len(out) < limit and len(prompt_ids) + len(out) < model.context:
        if temperature > 0:
            p = np.exp((logits - logits.max()) / temperature)
            token = int(rng.choice(len(p), p=p / p.sum()))
        else:
            token = int(logits.argmax())
            second, first = np.partition(logits, -2)[-2:]
            gap = min(gap, float(first - second))
        if token == meta["tokenizer.ggml.eos_token_id"]:
            break
        out.append(token)
        logits = model.step(token)
    return out, gap


def expected(meta, tensors, tokenizer, prompts, limit):
    rows = []
    for prompt in prompts:
        ids = [meta["tokenizer.ggml.bos_token_id"]] + tokenizer.encode(prompt)
        out, gap = generate(meta, tensors, ids, limit)
        rows.append({"prompt": prompt, "prompt_ids": ids, "ids": out, "text": tokenizer.decode(out),
                     "smallest_logit_gap": round(gap, 4)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=HERE / "demo.gguf")
    parser.add_argument("-p", "--prompt", action="append")
    parser.add_argument("-t", "--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=300)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--expect", type=Path)
    args = parser.parse_args()
    meta, tensors = load(args.model)
    tokenizer = Tokenizer(meta)
    if args.write:
        args.write.write_text(json.dumps(expected(meta, tensors, tokenizer, FIRM_PROMPTS, 64), indent=1) + "\n")
    elif args.expect:
        want = json.loads(args.expect.read_text())
        for row, got in zip(want, expected(meta, tensors, tokenizer, [r["prompt"] for r in want], 64)):
            if (row["prompt_ids"], row["ids"], row["text"]) != (got["prompt_ids"], got["ids"], got["text"]):
                sys.exit(f"{row['prompt']!r}: got {got['text']!r}, wanted {row['text']!r}")
        print(f"{len(want)} continuations as expected")
    else:
        for i, prompt in enumerate(args.prompt or PROMPTS):
            ids = [meta["tokenizer.ggml.bos_token_id"]] + tokenizer.encode(prompt)
            out, _ = generate(meta, tensors, ids, args.max_tokens, args.temperature, args.seed + i)
            print(prompt + tokenizer.decode(out) + "\n")


if __name__ == "__main__":
    main()
