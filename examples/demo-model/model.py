"""A small llama: RMSNorm, interleaved RoPE, grouped-query attention, SwiGLU, tied embeddings.

RoPE turns the pairs (2i, 2i+1), which is what GGUF's "llama" means, so no row is permuted on export.
"""
from dataclasses import dataclass, replace

import torch
import torch.nn as nn
import torch.nn.functional as F


GROW_AT = 3


@dataclass
class Config:
    vocab: int = 1536
    dim: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 512
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight, self.eps)


def rope_tables(config, length):
    inverse = config.rope_base ** (-torch.arange(0, config.head_dim, 2, dtype=torch.float64) / config.head_dim)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), inverse)
    return angles.cos().float(), angles.sin().float()


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm = RmsNorm(c.dim, c.eps)
        self.attn_q = nn.Linear(c.dim, c.dim, bias=False)
        self.attn_k = nn.Linear(c.dim, c.kv_heads * c.head_dim, bias=False)
        self.attn_v = nn.Linear(c.dim, c.kv_heads * c.head_dim, bias=False)
        self.attn_output = nn.Linear(c.dim, c.dim, bias=False)
        self.ffn_norm = RmsNorm(c.dim, c.eps)
        self.ffn_gate = nn.Linear(c.dim, c.ffn, bias=False)
        self.ffn_up = nn.Linear(c.dim, c.ffn, bias=False)
        self.ffn_down = nn.Linear(c.ffn, c.dim, bias=False)

    def forward(self, x, cos, sin, wanted=None):
        c, (batch, length, _) = self.c, x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(batch, length, c.heads, c.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        group = c.heads // c.kv_heads
        self.guide = None if wanted is None else guide_loss(q[:, ::group], k, wanted)
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(a.transpose(1, 2).reshape(batch, length, c.dim))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


def guide_loss(q, k, wanted):
    """How far the first head of each group is from looking at the `wanted` [batch, to, from] positions."""
    scores = (q @ k.transpose(-1, -2)).float() / q.shape[-1] ** 0.5
    later = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).triu(1)
    logs = scores.masked_fill(later, -1e9).log_softmax(-1)
    asked = wanted.any(-1)[:, None].expand(logs.shape[:3])
    mass = logs.masked_fill(~wanted[:, None], -1e9).logsumexp(-1)
    return -mass[asked].mean() if asked.any() else mass.sum() * 0


class Llama(nn.Module):
    """Parameter names become the GGUF tensor names: token_embd, blk.N.*, output_norm."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab, config.dim)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = RmsNorm(config.dim, config.eps)
        cos, sin = rope_tables(config, config.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = 0.02 / (2 * config.layers) ** 0.5 if name.endswith(("output.weight", "down.weight")) else 0.02
                nn.init.normal_(p, 0.0, scale)

    def forward(self, tokens, wanted=None):
        """Logits; with `wanted`, also the guide loss of block GROW_AT (training only)."""
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for i, block in enumerate(self.blk):
            x = block(x, self.cos[:length], self.sin[:length], wanted if i == GROW_AT else None)
        logits = F.linear(self.output_norm(x), self.token_embd.weight)
        return logits if wanted is None else (logits, self.blk[GROW_AT].guide)


def grow(model, at=GROW_AT):
    """The same model with one more block at index `at`, whose attention begins as a copier.

    Its value and output projections are each other's transpose (compare "mimetic initialization", Trockman and
    Kolter, 2023), and the guide loss shows it where to look. Thus the model learns to keep names and things through
    a story from a few million tokens; left alone, models of this size need many times more. Its feed-forward part
    begins as nothing.
    """
    c = replace(model.config, layers=model.config.layers + 1)
    grown, state = Llama(c), model.state_dict()
    own = {}
    for name in grown.state_dict():
        parts = name.split(".")
        if parts[0] == "blk" and int(parts[1]) >= at:
            if int(parts[1]) == at:
                continue
            parts[1] = str(int(parts[1]) - 1)
        own[name] = state[".".join(parts)]
    grown.load_state_dict(own, strict=False)
    block, width = grown.blk[at], c.head_dim
    with torch.no_grad():
        basis = torch.linalg.qr(torch.randn(c.dim, c.kv_heads * width))[0]
        block.attn_v.weight.copy_(basis.T)
        for head in range(c.heads):
            group = head // (c.heads // c.kv_heads)
            columns = basis[:, group * width:(group + 1) * width]
            block.attn_output.weight[:, head * width:(head + 1) * width] = columns / (c.heads // c.kv_heads)
        block.ffn_down.weight.zero_()
    return grown


@torch.no_grad()
def spread(model, rare, norm=1.0, neighbours=8):
    """Moves the embeddings of rare tokens apart, out to `norm` from the mean of their nearest neighbours.

    Words that stand in the same places, such as names, are pulled together while nothing tells them apart, until
    no layer can see which of them it copies.
    """
    table = model.token_embd.weight
    rows = table[rare]
    alike = F.normalize(rows, dim=1) @ F.normalize(rows, dim=1).T
    means = rows[alike.topk(neighbours + 1).indices].mean(1)
    apart = rows - means
    factor = (norm / apart.norm(dim=1, keepdim=True)).clamp(1.0, 4.0)
    table[rare] = means + factor * apart
