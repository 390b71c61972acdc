#!/usr/bin/env python3
"""Trains the demo model from nothing and writes demo.gguf. README.md holds the command that made the shipped file."""
import argparse
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import export
import generate_text
from model import Config, Llama

END = "<|endoftext|>"  # id 0; before a story it is BOS, after it EOS


def train_tokenizer(texts, vocab):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    return tokenizer


def pack(stories, length, rng):
    """Rows of `length`+1 tokens, each beginning at the start of a story; the story at a row's end is cut."""
    order = list(range(len(stories)))
    rng.shuffle(order)
    rows, row = [], []
    for i in order:
        row += [0] + stories[i]
        if len(row) > length:
            rows.append(row[:length + 1])
            row = []
    return np.array(rows, dtype=np.int64)


def learning_rate(step, steps, peak, warmup=60):
    """Warm-up, a plateau, and a cosine over the last third: until that third, a run does not depend on its length."""
    decay_from = steps_before_decay(steps)
    if step < decay_from:
        return peak * min(1.0, (step + 1) / warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - decay_from) / (steps - decay_from))))


def steps_before_decay(steps):
    return steps - steps // 3


@torch.no_grad()
def evaluate(model, rows, device):
    model.eval()
    total = 0.0
    for start in range(0, len(rows), 16):
        batch = torch.from_numpy(rows[start:start + 16]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(batch[:, :-1])
        total += F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten()).item() * len(batch)
    model.train()
    return total / len(rows)


def batches(stories, args):
    """(step, rows): short rows at first, rows of the full context in the last third; equal tokens in each step."""
    step, rng, long_from = 0, random.Random(args.seed), steps_before_decay(args.steps)
    while step < args.steps:
        length = 256 if step < long_from else 512
        rows = pack(stories, length, rng)
        size = args.batch_tokens // length
        for start in range(0, len(rows) - size + 1, size):
            if step >= args.steps or (step >= long_from and length == 256):
                break
            yield step, rows[start:start + size]
            step += 1


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    texts = generate_text.stories(args.stories + 1000, args.seed)
    tokenizer = train_tokenizer(texts[1000:21000], Config.vocab)
    config = Config(vocab=tokenizer.get_vocab_size())
    seen = set(texts[1000:])
    held_out = [e.ids for e in tokenizer.encode_batch([t for t in texts[:1000] if t not in seen])]
    stories = [e.ids for e in tokenizer.encode_batch(texts[1000:])]
    validation = pack(held_out, 256, random.Random(0))[:128]
    model = Llama(config).to(device)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, vocabulary {config.vocab}, {sum(map(len, stories))} tokens in {len(stories)} stories",
          flush=True)

    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                                  lr=args.lr, betas=(0.9, 0.95))
    start, mean, done = time.time(), None, 0
    if args.resume:
        saved = torch.load(args.resume, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        done, mean = saved["done"], saved["mean"]
    for step, rows in batches(stories, args):
        if step < done:
            continue
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        batch = torch.from_numpy(rows).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(batch[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 20 == 0:
            speed = (step + 1 - done) * args.batch_tokens / (time.time() - start)
            print(f"step {step} loss {mean:.4f} {speed:.0f} tokens/s {time.time() - start:.0f} s", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == args.steps:
            val = evaluate(model, validation, device)
            print(f"step {step + 1} train {mean:.4f} validation {val:.4f}", flush=True)
            export.write_demo(args.out, model.state_dict(), config, tokenizer, f"validation loss {val:.2f}")
            if args.checkpoints:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": step + 1,
                            "mean": mean}, args.checkpoints / f"step{step + 1}.pt")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "demo.gguf")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stories", type=int, default=60000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoints", type=Path, help="a folder for checkpoints, every 100 steps")
    parser.add_argument("--resume", type=Path, help="a checkpoint; same seed, same stories")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
