"""A float64 forward pass in numpy from a GGUF file: the second opinion on the logits of transformers.

`mistake` plants one error into it. A golden is only worth keeping if the mistakes that its architecture invites change
the logits by far more than the tolerance of the tests.
"""

import math

import numpy as np

LLAMA_MISTAKES = ["eps", "rope_pairs", "no_rope", "gqa_order", "not_causal", "norm_weight", "glu_order"]
MISTAKES = {"llama": LLAMA_MISTAKES, "qwen2": LLAMA_MISTAKES + ["qkv_bias"],
            "qwen3": LLAMA_MISTAKES + ["qk_norm", "qk_norm_after_rope", "score_scale"],
            "qwen3moe": LLAMA_MISTAKES + ["qk_norm", "score_scale", "no_normalise", "fewer_experts", "expert_order"],
            "gpt2": ["eps", "position_shift", "gelu_erf", "not_causal", "norm_bias", "qkv_order", "no_final_norm"]}


def erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


class Model:
    def __init__(self, reader, mistake=""):
        self.metadata, self.tensors, self.mistake = reader.metadata, reader.tensors, mistake
        self.arch = self.metadata["general.architecture"]
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv", self.heads)
        self.head_width = self.key("attention.key_length", self.key("embedding_length") // self.heads)
        kind = "layer_norm_epsilon" if self.arch == "gpt2" else "layer_norm_rms_epsilon"
        self.eps = 1e-6 if mistake == "eps" else self.key("attention." + kind)

    def key(self, name, default=None):
        return self.metadata.get(f"{self.arch}.{name}", default)

    def linear(self, x, name):
        y = x @ self.tensors[name + ".weight"].T
        bias = self.tensors.get(name + ".bias")
        return y if bias is None or self.mistake == "qkv_bias" else y + bias

    def norm(self, x, name):
        weight, bias = self.tensors[name + ".weight"], self.tensors.get(name + ".bias")
        if self.mistake == "norm_weight":
            weight = np.ones_like(weight)
        if bias is None:
            return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + self.eps) * weight
        centred = x - np.mean(x, -1, keepdims=True)
        y = centred / np.sqrt(np.mean(centred * centred, -1, keepdims=True) + self.eps) * weight
        return y if self.mistake == "norm_bias" else y + bias

    def yarn(self, frequency):
        """Frequencies that turn less than beta_slow times within the original length are divided by the factor, those
        that turn more than beta_fast times are kept, with a ramp over the pairs between."""
        original, base = self.key("rope.scaling.original_context_length"), self.key("rope.freq_base")

        def pair(turns):
            return self.head_width * math.log(original / (2 * math.pi * turns)) / (2 * math.log(base))
        betas = [self.key(f"rope.scaling.yarn_beta_{name}") for name in ("fast", "slow")]
        if self.mistake == "yarn_betas":
            betas = [32, 1]
        first, last = max(math.floor(pair(betas[0])), 0), min(math.ceil(pair(betas[1])), self.head_width - 1)
        ramp = np.clip((np.arange(len(frequency)) - first) / (last - first), 0, 1)
        return frequency * (1 - ramp) + frequency / self.key("rope.scaling.factor") * ramp

    def magnitude(self, of_key):
        """What yarn multiplies queries and keys by."""
        if self.key("rope.scaling.type") != "yarn" or self.mistake in ("yarn_magnitude", "rope_scaling"):
            return 1.0
        if of_key and self.mistake == "yarn_query_alone":
            return 1.0
        return 1 + 0.1 * math.log(self.key("rope.scaling.factor"))

    def angles(self, length):
        frequency = self.key("rope.freq_base") ** (-np.arange(0, self.head_width, 2) / self.head_width)
        if self.mistake != "rope_scaling":
            frequency = frequency / self.tensors.get("rope_freqs.weight", 1.0)
            if self.key("rope.scaling.type") == "linear":
                frequency = frequency / self.key("rope.scaling.factor")
            if self.key("rope.scaling.type") == "yarn":
                frequency = self.yarn(frequency)
        return np.arange(length)[:, None] * frequency * (self.mistake != "no_rope")

    def rope(self, x, of_key=False):
        """x [T, heads, d]; the llama arch rotates neighbours, the others the halves."""
        angles = self.angles(len(x))[:, None, :]
        neighbours = (self.arch == "llama") != (self.mistake == "rope_pairs")
        half = self.head_width // 2
        a, b = (x[..., 0::2], x[..., 1::2]) if neighbours else (x[..., :half], x[..., half:])
        cosine, sine = self.magnitude(of_key) * np.cos(angles), self.magnitude(of_key) * np.sin(angles)
        a, b = a * cosine - b * sine, a * sine + b * cosine
        return np.stack([a, b], -1).reshape(x.shape) if neighbours else np.concatenate([a, b], -1)

    def split_heads(self, x, heads):
        return x.reshape(len(x), heads, self.head_width)

    def query_key_value(self, x, layer):
        if self.arch == "gpt2":
            parts = [self.split_heads(part, self.heads) for part in np.split(self.linear(x, layer + "attn_qkv"), 3, -1)]
            return [parts[1], parts[0], parts[2]] if self.mistake == "qkv_order" else parts
        query = self.split_heads(self.linear(x, layer + "attn_q"), self.heads)
        key = self.split_heads(self.linear(x, layer + "attn_k"), self.kv_heads)
        value = self.split_heads(self.linear(x, layer + "attn_v"), self.kv_heads)
        rotated = self.mistake == "qk_norm_after_rope"
        if rotated:
            query, key = self.rope(query), self.rope(key, True)
        if layer + "attn_q_norm.weight" in self.tensors and self.mistake != "qk_norm":
            query, key = self.norm(query, layer + "attn_q_norm"), self.norm(key, layer + "attn_k_norm")
        return (query, key, value) if rotated else (self.rope(query), self.rope(key, True), value)

    def attention(self, x, layer):
        query, key, value = self.query_key_value(x, layer)
        head = np.arange(self.heads)
        owner = head % self.kv_heads if self.mistake == "gqa_order" else head // (self.heads // self.kv_heads)
        width = self.key("embedding_length") // self.heads if self.mistake == "score_scale" else self.head_width
        scores = np.einsum("ihd,jhd->hij", query, key[:, owner]) / np.sqrt(width)
        if self.mistake != "not_causal":
            scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hij,jhd->ihd", weights, value[:, owner]).reshape(len(x), -1)
        return self.linear(mixed, layer + "attn_output")

    def feed_forward(self, x, layer):
        if layer + "ffn_gate_inp.weight" in self.tensors:
            return self.experts(x, layer)
        up = self.linear(x, layer + "ffn_up")
        if self.arch == "gpt2":
            if self.mistake == "gelu_erf":
                return self.linear(0.5 * up * (1 + erf(up / np.sqrt(2))), layer + "ffn_down")
            inner = np.sqrt(2 / np.pi) * (up + 0.044715 * up ** 3)
            return self.linear(0.5 * up * (1 + np.tanh(inner)), layer + "ffn_down")
        gate = self.linear(x, layer + "ffn_gate")
        if self.mistake == "glu_order":
            gate, up = up, gate
        return self.linear(gate / (1 + np.exp(-gate)) * up, layer + "ffn_down")

    def experts(self, x, layer):
        """Softmax over all experts, the best few of them, their weights made to sum to 1."""
        logits = self.linear(x, layer + "ffn_gate_inp")
        scores = np.exp(logits - logits.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        used = self.key("expert_used_count") - (self.mistake == "fewer_experts")
        out = np.zeros_like(x)
        for t, row in enumerate(x):
            chosen = np.argsort(-scores[t], kind="stable")[:used]
            weights = scores[t, chosen] / (1 if self.mistake == "no_normalise" else scores[t, chosen].sum())
            for expert, weight in zip(chosen[::-1] if self.mistake == "expert_order" else chosen, weights):
                gate, up, down = (self.tensors[f"{layer}ffn_{part}_exps.weight"][expert]
                                  for part in ("gate", "up", "down"))
                g, u = gate @ row, up @ row
                if self.mistake == "glu_order":
                    g, u = u, g
                out[t] += weight * (down @ (g / (1 + np.exp(-g)) * u))
        return out

    def logits(self, ids):
        x = self.tensors["token_embd.weight"][ids]
        if self.arch == "gpt2":
            x = x + self.tensors["position_embd.weight"][np.arange(len(ids)) + (self.mistake == "position_shift")]
        for n in range(self.key("block_count")):
            layer = f"blk.{n}."
            x = x + self.attention(self.norm(x, layer + "attn_norm"), layer)
            x = x + self.feed_forward(self.norm(x, layer + "ffn_norm"), layer)
        if self.mistake != "no_final_norm":
            x = self.norm(x, "output_norm")
        return x @ self.tensors.get("output.weight", self.tensors["token_embd.weight"]).T


def mistakes_for(reader):
    """The mistakes that show in this model (each head with its own keys, or all with one: no grouping to get wrong)."""
    model = Model(reader)
    found = [m for m in MISTAKES[model.arch] if m != "gqa_order" or 1 < model.kv_heads < model.heads]
    scaled = "rope_freqs.weight" in reader.tensors or model.key("rope.scaling.type") is not None
    wide = model.head_width * model.heads != model.key("embedding_length")
    found += ["yarn_betas", "yarn_magnitude", "yarn_query_alone"] * (model.key("rope.scaling.type") == "yarn")
    return found + ["rope_scaling"] * scaled + ["score_scale"] * (wide and "score_scale" not in found)
