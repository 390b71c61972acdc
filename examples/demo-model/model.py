"""A small llama: RMSNorm, interleaved RoPE, grouped-query attention, SwiGLU, tied embeddings.

RoPE turns the pairs (2i, 2i+1), which is what GGUF's "llama" means, so no row is permuted on export.
"""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


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

    def forward(self, x, cos, sin):
        c, (batch, length, _) = self.c, x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(batch, length, c.heads, c.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(batch, length, c.kv_heads, c.head_dim).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        group = c.heads // c.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(a.transpose(1, 2).reshape(batch, length, c.dim))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


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

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.cos[:length], self.sin[:length])
        return F.linear(self.output_norm(x), self.token_embd.weight)
