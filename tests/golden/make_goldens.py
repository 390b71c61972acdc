#!/usr/bin/env python3
"""Makes the golden models of tests/golden and their reference logits; see README.md beside it.

    python3 make_goldens.py [folder]     # default: the folder of this script

Same versions of the packages, same bytes. The weights are random but the same everywhere.
"""

import copy
import itertools
import json
import pathlib
import re
import shutil
import sys
import zlib

import numpy as np
import tokenizers
import torch
import transformers
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file
from torch.overrides import TorchFunctionMode

import gguf_file
import numpy_forward
from tiny_tokenizer import TinyTokenizer

PROMPT_LENGTHS = (1, 7, 40)
GREEDY_TOKENS = 32
SHORT = {"float16": "f16", "bfloat16": "bf16"}
TEST_TOLERANCE = 1e-4  # of max|logit|: what tests allow
# A mistake must show this much. The two gelus differ by less than 5e-4 anywhere, so that one can hardly show more.
VISIBLE = {"gelu_erf": 1.5 * TEST_TOLERANCE}

DECODER = {"attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02, "max_position_embeddings": 256,
           "use_cache": True}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 4.0, "beta_slow": 0.5}

# Sizes are odd on purpose, epsilons larger than any release has: with the usual 1e-6 a wrong one would not show.
MODELS = {
    "llama": ("llama-bpe", DECODER | {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
        "hidden_size": 48, "intermediate_size": 56, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-3, "rope_theta": 10000.0, "rope_scaling": LLAMA3,
        "tie_word_embeddings": False, "vocab_size": 288, "torch_dtype": "float32"}),
    "llama_tied": ("llama-bpe", DECODER | {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
        "hidden_size": 40, "head_dim": 16, "intermediate_size": 60, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 4, "rms_norm_eps": 2e-3, "rope_theta": 500.0,
        "rope_scaling": {"type": "linear", "factor": 4.0}, "tie_word_embeddings": True, "vocab_size": 283,
        "torch_dtype": "float32"}),
    "llama_yarn": ("llama-bpe", DECODER | {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
        "hidden_size": 42, "head_dim": 24, "intermediate_size": 52, "num_hidden_layers": 2, "num_attention_heads": 3,
        "num_key_value_heads": 1, "rms_norm_eps": 1e-3, "rope_theta": 1000.0, "rope_scaling": YARN,
        "tie_word_embeddings": False, "vocab_size": 287, "torch_dtype": "float32"}),
    "qwen2": ("qwen2", DECODER | {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 72,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-3,
        "rope_theta": 1000.0, "sliding_window": 16, "max_window_layers": 3, "use_sliding_window": False,
        "tie_word_embeddings": True, "vocab_size": 304, "torch_dtype": "float32"}),
    "qwen3": ("qwen2", DECODER | {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False, "hidden_size": 32,
        "head_dim": 16, "intermediate_size": 68, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-3, "rope_theta": 1000.0, "rope_scaling": None,
        "sliding_window": None, "max_window_layers": 2, "use_sliding_window": False, "tie_word_embeddings": False,
        "vocab_size": 288, "torch_dtype": "float32"}),
    "qwen3moe": ("qwen2", DECODER | {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "attention_bias": False, "hidden_size": 32,
        "head_dim": 16, "intermediate_size": 68, "moe_intermediate_size": 20, "num_experts": 7,
        "num_experts_per_tok": 3, "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [1],
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-3,
        "rope_theta": 1000.0, "rope_scaling": None, "router_aux_loss_coef": 0.001, "output_router_logits": False,
        "sliding_window": None, "max_window_layers": 3, "use_sliding_window": False, "tie_word_embeddings": False,
        "vocab_size": 288, "torch_dtype": "float32"}),
    "gpt2": ("gpt-2", {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
        "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1, "initializer_range": 0.02, "layer_norm_epsilon": 1e-3,
        "n_ctx": 48, "n_embd": 32, "n_head": 4, "n_inner": None, "n_layer": 2, "n_positions": 48, "vocab_size": 281}),
}

TEXTS = ["Once upon a time", "The little girl said: \"I'll be on the 2nd hill!\"", "12 + 1234 = 1246\n\n  and  so on",
         "naïve 東京 🙂", " leading and trailing ", "tabs\tand\r\nlines\n\n\nhere", "They're WE'LL can't"]
SPECIAL_TEXTS = {"llama-bpe": "<|begin_of_text|>The end<|eot_id|> of it", "gpt-2": "The end<|endoftext|> of it",
                 "qwen2": "<|im_start|>user\nhi<|im_end|>\n<think>on</think>"}


class AllFloat64(TorchFunctionMode):
    """transformers computes norms, softmax and rope in float32 even in a double model; here float32 means float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            return args[0].double()
        widen = {torch.float32: torch.float64}

        def map_one(value):
            return widen.get(value, value) if isinstance(value, torch.dtype) else value
        return func(*map(map_one, args), **{key: map_one(value) for key, value in (kwargs or {}).items()})


def load_float64(folder, weights):
    """The model that transformers builds from config.json, with `weights` (Hugging Face names), all in float64."""
    config = transformers.AutoConfig.from_pretrained(folder)
    config._experts_implementation = "eager"  # the grouped product knows no float64
    with AllFloat64():
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float64)
    prefix = "transformer." if config.model_type == "gpt2" else ""
    state = {prefix + name: torch.from_numpy(weight.astype(np.float64)) for name, weight in weights.items()
             if not name.endswith(".attn.bias")}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model.eval()


def float64_logits(model, ids):
    with AllFloat64(), torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    assert logits.dtype == torch.float64
    return logits.numpy()


def weight_names(config):
    """Names and shapes of the checkpoint, in file order, from the model class itself; without those that are tied."""
    shell = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**copy.deepcopy(config)))
    tied = config.get("tie_word_embeddings", config["model_type"] == "gpt2")
    return {name.removeprefix("transformer."): tuple(t.shape) for name, t in sorted(shell.state_dict().items())
            if not (tied and name == "lm_head.weight")}


def draw_weights(name, config):
    """RandomState is frozen by numpy, so these numbers do not change between versions."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    weights = {}
    for key, shape in weight_names(config).items():
        noise = random.standard_normal(shape)
        if len(shape) == 1:  # norm weights around 1, every bias away from 0: their defaults would hide an omission
            weights[key] = 0.3 * noise + (0 if key.endswith("bias") else 1)
        elif re.search(r"embed_tokens|lm_head|wte|wpe", key):
            weights[key] = 0.3 * noise
        else:
            inputs = shape[0] if config["model_type"] == "gpt2" else shape[-1]
            gain = 2.0 if re.search(r"q_proj|k_proj|c_attn", key) else 1.4
            weights[key] = gain * noise / np.sqrt(inputs)
    if config["model_type"] == "gpt2":  # the causal masks that the released checkpoint carries along
        mask = np.tri(config["n_positions"])[None, None]
        weights |= {f"h.{layer}.attn.bias": mask for layer in range(config["n_layer"])}
    return {key: weights[key].astype(np.float32) for key in sorted(weights)}


def hub_names(weights):
    """As hub checkpoints have them: transformers 5 keeps the experts of a layer in two tensors, they in one each."""
    tensors = {}
    for key, weight in weights.items():
        stem, _, kind = key.rpartition(".")
        if not stem.endswith(".experts"):
            tensors[key] = weight
            continue
        for number, matrix in enumerate(weight):
            parts = {"gate_proj": matrix[:len(matrix) // 2], "up_proj": matrix[len(matrix) // 2:]}
            for part, rows in (parts if kind == "gate_up_proj" else {kind: matrix}).items():
                tensors[f"{stem}.{number}.{part}.weight"] = np.ascontiguousarray(rows)
    return {key: tensors[key] for key in sorted(tensors)}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_folder_texts(folder, config, tokenizer):
    folder.mkdir(parents=True)
    bos, eos, pad = tokenizer.special_ids()
    eos_value = eos[0] if len(eos) == 1 else eos
    config = config | {"bos_token_id": eos[0] if bos is None else bos, "eos_token_id": eos[0]}
    write_json(folder / "config.json", config)
    generation = {"bos_token_id": config["bos_token_id"], "eos_token_id": eos_value}
    if tokenizer.pre != "gpt-2":
        generation |= {"do_sample": True, "temperature": 0.6, "top_p": 0.9}
    if pad is not None:
        generation |= {"pad_token_id": pad, "top_k": 20}
    write_json(folder / "generation_config.json", generation)
    write_json(folder / "tokenizer.json", tokenizer.tokenizer_json())
    write_json(folder / "tokenizer_config.json", tokenizer.tokenizer_config())


def greedy(model, ids, largest, usable):
    """Continuation, or None when it is a poor test: near ties, special tokens on the way, or a loop of a few tokens."""
    start = len(ids)
    margin = np.inf
    for _ in range(GREEDY_TOKENS):
        last = float64_logits(model, ids)[-1]
        best = int(np.argmax(last))
        margin = min(margin, last[best] - np.partition(last, -2)[-2])
        if margin < 20 * TEST_TOLERANCE * largest or best >= usable:
            return None
        ids = ids + [best]
    if len(set(ids[start:])) < 8:
        return None
    return {"continuation": ids[start:], "smallest_margin": round(float(margin), 6)}


def find_greedy(model, encoder, largest, usable):
    words = ["Once", "upon", "a", "time", "the", "little", "bear", "sat", "on", "red", "hill", "and", "sang"]
    for text in (" ".join(phrase) for phrase in itertools.permutations(words, 3)):
        ids = encoder.encode(text).ids
        found = greedy(model, ids, largest, usable)
        if found:
            return {"text": text, "ids": ids} | found
    raise RuntimeError("no prompt continues without a near tie")


def write_expected(folder, model, tokenizer, lengths, with_greedy):
    random = np.random.RandomState(1000 + len(folder.name))
    prompts = [[int(i) for i in random.randint(0, tokenizer.vocab_size, n)] for n in lengths]
    logits = [float64_logits(model, ids) for ids in prompts]
    largest = max(float(np.abs(values).max()) for values in logits)
    encoder = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = {"vocab_size": tokenizer.vocab_size, "max_abs_logit": largest, "prompts": [], "greedy": None,
                "tokenizer": [{"text": text, "ids": encoder.encode(text).ids}
                              for text in TEXTS + [SPECIAL_TEXTS[tokenizer.pre]]]}
    whole = transformers.AutoTokenizer.from_pretrained(folder)
    assert all(whole(case["text"]).input_ids == case["ids"] for case in expected["tokenizer"]), folder.name
    offset = 0
    for ids, values in zip(prompts, logits):
        expected["prompts"].append({"ids": ids, "offset": offset, "shape": list(values.shape)})
        offset += values.size
    if with_greedy:
        expected["greedy"] = find_greedy(model, encoder, largest, len(tokenizer.normal))
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    flat = re.sub(r"\[[\d\s,-]*\]", lambda m: re.sub(r"\s+", "", m[0]), text)
    (folder / "expected.json").write_text(flat + "\n", encoding="utf-8")
    (folder / "expected.bin").write_bytes(b"".join(values.astype("<f4").tobytes() for values in logits))
    return prompts, logits, largest


def check(folder, prompts, logits, largest):
    """The second opinion must agree, the planted mistakes must not, and transformers must load the folder as it is."""
    reader = gguf_file.Reader(folder / f"{folder.name}.gguf")

    def difference(mistake):
        model = numpy_forward.Model(reader, mistake)
        return max(np.abs(model.logits(ids) - want).max() for ids, want in zip(prompts, logits)) / largest
    agreement = difference("")
    assert agreement < 1e-6, (folder.name, agreement)
    seen = {mistake: difference(mistake) for mistake in numpy_forward.mistakes_for(reader)}
    blind = {mistake: value for mistake, value in seen.items() if value < VISIBLE.get(mistake, 10 * TEST_TOLERANCE)}
    assert not blind, (folder.name, blind)
    check_folder(folder, prompts, logits, largest)
    least = min(seen, key=seen.get)
    print(f"{folder.name}: numpy from GGUF within {agreement:.1e} of max|logit| {largest:.2f}; "
          f"{len(seen)} mistakes all show, least {least} {seen[least]:.1e}")


def check_folder(folder, prompts, logits, largest):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        for ids, want in zip(prompts, logits):
            got = model.eval()(torch.tensor([ids]), use_cache=False).logits[0].numpy()
            assert np.abs(got - want).max() < TEST_TOLERANCE / 4 * largest, folder.name


def make_model(root, name):
    pre, config = MODELS[name]
    tokenizer, weights = TinyTokenizer(pre, config["vocab_size"]), draw_weights(name, config)
    folder = root / name
    write_folder_texts(folder, config, tokenizer)
    save_file(hub_names(weights), folder / "model.safetensors", metadata={"format": "pt"})
    gguf_file.write(folder / f"{name}.gguf", gguf_file.metadata_of(name, config, "float32") | tokenizer.gguf_keys(),
                    gguf_file.tensors_of(config, weights))
    expected = write_expected(folder, load_float64(folder, weights), tokenizer, PROMPT_LENGTHS, True)
    check(folder, *expected)


def make_rounded(root, name, dtype):
    """The same weights stored in 16 bits; the reference logits come from the rounded values."""
    pre, config = MODELS[name]
    tokenizer = TinyTokenizer(pre, config["vocab_size"])
    folder = root / f"{name}_{SHORT[dtype]}"
    stored = {key: torch.from_numpy(weight).to(getattr(torch, dtype))
              for key, weight in draw_weights(name, config).items()}
    # The newer spelling of the two keys, as transformers 5 writes them.
    spelled = {key: value for key, value in config.items() if key not in ("torch_dtype", "rope_theta")}
    spelled |= {"dtype": dtype, "rope_parameters": {"rope_theta": config["rope_theta"], "rope_type": "default"}}
    write_folder_texts(folder, spelled, tokenizer)
    save_torch_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    weights = {key: tensor.float().numpy() for key, tensor in stored.items()}
    gguf_file.write(folder / f"{folder.name}.gguf",
                    gguf_file.metadata_of(folder.name, config, dtype) | tokenizer.gguf_keys(),
                    gguf_file.tensors_of(config, weights), dtype)
    expected = write_expected(folder, load_float64(folder, weights), tokenizer, (17,), False)
    check(folder, *expected)


def read_expected(folder):
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    values = np.fromfile(folder / "expected.bin", "<f4")
    prompts = [prompt["ids"] for prompt in expected["prompts"]]
    logits = [values[p["offset"]:][:np.prod(p["shape"])].reshape(p["shape"]) for p in expected["prompts"]]
    return prompts, logits, expected["max_abs_logit"]


def make_sharded(root):
    """The llama model again in two shards, with the newer config keys; its expected.* are those of llama."""
    pre, config = MODELS["llama"]
    folder, weights = root / "llama_sharded", draw_weights("llama", config)
    spelled = {key: value for key, value in config.items() if key not in ("torch_dtype", "rope_theta", "rope_scaling")}
    spelled |= {"dtype": "float32", "rope_parameters": config["rope_scaling"] | {"rope_theta": config["rope_theta"]}}
    write_folder_texts(folder, spelled, TinyTokenizer(pre, config["vocab_size"]))
    names = sorted(weights)
    weight_map = {}
    for number, part in enumerate((names[:len(names) // 2], names[len(names) // 2:]), 1):
        shard = f"model-{number:05}-of-00002.safetensors"
        save_file({key: weights[key] for key in part}, folder / shard, metadata={"format": "pt"})
        weight_map |= {key: shard for key in part}
    total = sum(weight.nbytes for weight in weights.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})
    check_folder(folder, *read_expected(root / "llama"))
    print("llama_sharded: transformers loads it and agrees")


def make_fused_experts(root):
    """The qwen3moe model again with gate and up of all experts in one tensor; its expected.* are those of qwen3moe."""
    pre, config = MODELS["qwen3moe"]
    folder, weights = root / "qwen3moe_fused", draw_weights("qwen3moe", config)
    tokenizer = TinyTokenizer(pre, config["vocab_size"])
    write_folder_texts(folder, config, tokenizer)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    gguf_file.write(folder / f"{folder.name}.gguf",
                    gguf_file.metadata_of(folder.name, config, "float32") | tokenizer.gguf_keys(),
                    gguf_file.tensors_of(config, weights, fused_experts=True))
    check_folder(folder, *read_expected(root / "qwen3moe"))
    print("qwen3moe_fused: transformers loads it and agrees")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in [*MODELS, *(f"qwen2_{short}" for short in SHORT.values()), "llama_sharded", "qwen3moe_fused"]:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in MODELS:
        make_model(root, name)
    for dtype in SHORT:
        make_rounded(root, "qwen2", dtype)
    make_sharded(root)
    make_fused_experts(root)
    for path in root.glob("*/*.safetensors"):
        path.chmod(0o644)  # the writer leaves them to their owner alone
    sizes = [path.stat().st_size for path in root.glob("*/*.*") if path.suffix != ".pyc"]
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.2f} MB, largest {max(sizes) / 1e3:.0f} kB")
    assert max(sizes) <= 300_000


if __name__ == "__main__":
    main()
