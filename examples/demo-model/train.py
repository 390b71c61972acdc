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
from model import Config, Llama, grow, spread

GUIDE_WEIGHT = 0.3
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


def single(stories, batch_tokens, rng):
    """Batches of one whole story a row, of like length, so that little is padding (-1, not learned).

    Widths are rounded up to a few values: each new shape costs the CPU library time and memory.
    """
    order = list(range(len(stories)))
    rng.shuffle(order)
    for pool in range(0, len(order), 2000):
        by_length = sorted(order[pool:pool + 2000], key=lambda i: len(stories[i]))
        ready, batch = [], []
        for i in by_length:
            batch.append([0] + stories[i] + [0])
            width = (len(batch[-1]) + 30) // 32 * 32 + 1
            if len(batch) * width >= batch_tokens:
                ready.append(np.array([s + [-1] * (width - len(s)) for s in batch]))
                batch = []
        rng.shuffle(ready)
        yield from ready


def learning_rate(step, args):
    """Warm-up and a plateau while stories are packed; after the growth warm-up, then a cosine to a hundredth."""
    if step < args.packed_steps:
        return args.lr * min(1.0, (step + 1) / 60)
    done = (step - args.packed_steps) / (args.steps - args.packed_steps)
    warm = min(1.0, (step - args.packed_steps + 1) / 20)
    return args.lr * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def evaluate(model, held_out, device):
    """Nats a token over whole stories that were held out."""
    model.eval()
    total, count = 0.0, 0
    for rows in held_out:
        learned = int((rows[:, 1:] >= 0).sum())
        total += loss_of(model, rows, device)[0].item() * learned
        count += learned
    model.train()
    return total / count


def batches(stories, args):
    """(step, rows): packed rows of 256 at first; then each row is one whole story."""
    step, rng = 0, random.Random(args.seed)
    while step < args.steps:
        packing = step < args.packed_steps
        if packing:
            packed, size = pack(stories, 256, rng), args.batch_tokens // 256
            source = (packed[start:start + size] for start in range(0, len(packed) - size + 1, size))
        else:
            source = single(stories, args.batch_tokens, rng)
        for rows in source:
            if step >= args.steps or packing != (step < args.packed_steps):
                break
            yield step, rows
            step += 1


def loss_of(model, rows, device, rare=None):
    """Cross entropy; with `rare` (a flag a token) also the guide loss towards earlier places of a rare target."""
    batch = torch.from_numpy(rows).to(device)
    inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:]
    guide = 0.0
    with torch.autocast(device.type, torch.bfloat16):
        if rare is None:
            logits = model(inputs)
        else:
            wanted = (targets[:, :, None] == inputs[:, None, :]) & rare[targets.clamp(min=0)][:, :, None]
            logits, guide = model(inputs, wanted.tril())
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=-1)
    return loss, GUIDE_WEIGHT * guide


def rare_tokens(stories, vocab):
    """Tokens that fewer than 8 in 100 stories have: names, things and places, whose second coming is no chance."""
    count = np.zeros(vocab)
    count[0] = len(stories)
    for story in stories:
        count[list(set(story))] += 1
    return torch.from_numpy((count > 0) & (count < 0.08 * len(stories)))


def make_optimizer(model, lr):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                             lr=lr, betas=(0.9, 0.95))


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
    validation = list(single(held_out, 4096, random.Random(0)))[:10]
    rare = rare_tokens(stories[:5000], config.vocab).to(device)
    model = Llama(config).to(device)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, vocabulary {config.vocab}, {sum(map(len, stories))} tokens in {len(stories)} stories",
          flush=True)

    optimizer = make_optimizer(model, args.lr)
    start, mean, done, tokens = time.time(), None, 0, 0
    if args.resume:
        saved = torch.load(args.resume, map_location=device)
        done, mean = saved["done"], saved["mean"]
        if done > args.packed_steps:
            model = grow(model).to(device)
            optimizer = make_optimizer(model, args.lr)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    for step, rows in batches(stories, args):
        if step < done:
            continue
        if step == args.packed_steps:
            torch.manual_seed(args.seed)
            model = grow(model).to(device)
            optimizer = make_optimizer(model, args.lr)
        if step == args.spread_step:
            spread(model, rare)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args)
        loss, guide = loss_of(model, rows, device, None if step < args.packed_steps else rare)
        optimizer.zero_grad(set_to_none=True)
        (loss + guide).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += int((rows[:, 1:] >= 0).sum())
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 10 == 0:
            seconds = time.time() - start
            print(f"step {step} loss {mean:.4f} {tokens / seconds:.0f} tokens/s {seconds:.0f} s "
                  f"guide {float(guide) / GUIDE_WEIGHT:.3f}", flush=True)
        if (step + 1) % 50 == 0 or step + 1 == args.steps:
            val = evaluate(model, validation, device)
            print(f"step {step + 1} train {mean:.4f} validation {val:.4f}", flush=True)
            export.write_demo(args.out, model.state_dict(), model.config, tokenizer, f"validation loss {val:.2f}")
            if args.checkpoints:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": step + 1,
                            "mean": mean}, args.checkpoints / f"step{step + 1}.pt")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "demo.gguf")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stories", type=int, default=40000)
    parser.add_argument("--steps", type=int, default=1100)
    parser.add_argument("--packed-steps", type=int, default=500)
    parser.add_argument("--spread-step", type=int, default=650)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoints", type=Path, help="a folder for checkpoints, every 50 steps")
    parser.add_argument("--resume", type=Path, help="a checkpoint; same seed, same stories")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
