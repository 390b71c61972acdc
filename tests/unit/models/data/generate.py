#!/usr/bin/env python3
"""Writes rope_tables.json beside this script: rotary tables as transformers computes them, in float64.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6
    python3 generate.py

Each case has one table (n_rot, inv_freq, attn_factor) and every file that means it: config.json documents
("huggingface", all of which transformers must turn into that same table) and GGUF settings and tensors ("gguf").
`context` is the length of sequence that dynamic and longrope choose their table by.

What GGUF files mean is not in transformers: each stands beside the config.json that it is converted from, `times` being
what its attn_factor puts on top. Left out are corners that no model has and where transformers and ggml part:
yarn with beta limits beyond the rotary width.
"""
import copy
import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "golden"))
import gguf_file  # noqa: E402
from make_goldens import AllFloat64  # noqa: E402

CASES = []


def config_of(head_dim, theta, rope, trained=4096, key="rope_scaling", model_type="llama", **more):
    """config.json with two heads of head_dim. Newer files keep theta and the share of a head in rope_parameters."""
    config = {"model_type": model_type, "hidden_size": 2 * head_dim, "num_attention_heads": 2,
              "max_position_embeddings": trained} | more
    if model_type != "phi3":
        config["head_dim"] = head_dim
    if key == "rope_parameters":
        moved = {k: config.pop(k) for k in ("partial_rotary_factor",) if k in config}
        return config | {key: (rope or {"rope_type": "default"}) | {"rope_theta": theta} | moved}
    return config | {"rope_theta": theta, key: rope}


def table(config, context):
    """inv_freq and attention factor that transformers makes of a config.json for sequences of `context` tokens."""
    rope_config = transformers.AutoConfig.for_model(**copy.deepcopy(config))
    kind = rope_config.rope_parameters["rope_type"]
    with AllFloat64():
        if kind == "default":  # Phi's, as Llama's knows no partial rotation
            inv_freq, attn_factor = Phi3RotaryEmbedding.compute_default_rope_parameters(rope_config)
        else:
            inv_freq, attn_factor = ROPE_INIT_FUNCTIONS[kind](rope_config, seq_len=context)
    assert inv_freq.dtype == torch.float64
    return inv_freq.numpy(), float(attn_factor)


def add(name, configs, gguf=(), context=0, times=1.0):
    tables = [table(config, context or None) for config in configs]
    inv_freq, attn_factor = tables[0]
    for other, factor in tables[1:]:
        np.testing.assert_allclose(other, inv_freq, rtol=1e-12)
        np.testing.assert_allclose(factor, attn_factor, rtol=1e-12)
    CASES.append({"name": name, "n_rot": 2 * len(inv_freq), "context": context, "attn_factor": attn_factor * times,
                  "inv_freq": [float(f"{v:.10g}") for v in inv_freq],
                  "huggingface": configs if times == 1.0 else [], "gguf": list(gguf)})


def gguf(theta, scaling, trained=4096, arch="llama", tensors=None, **keys):
    keys = {"context_length": trained, "rope.freq_base": float(theta)} | {
        f"rope.scaling.{key}": value for key, value in scaling.items()} | keys
    return {"arch": arch, "keys": keys, "tensors": tensors or {}}


def both_spellings(head_dim, theta, rope, **more):
    """Older and newer keys; "type" was the oldest name of rope_type."""
    older = {"type" if key == "rope_type" else key: value for key, value in rope.items()}
    return [config_of(head_dim, theta, older, **more), config_of(head_dim, theta, rope, key="rope_parameters", **more)]


def plain():
    for width, theta in ((2, 10000.0), (6, 500.0), (64, 10000.0), (96, 1e6), (128, 5e5)):
        add(f"default_{width}", [config_of(width, theta, None), config_of(width, theta, None, key="rope_parameters")],
            [gguf(theta, {}), gguf(theta, {"type": "none"}), gguf(theta, {"type": "linear"})])
    add("default_partial", [config_of(96, 10000.0, None, model_type="phi3", partial_rotary_factor=0.75)],
        [gguf(10000.0, {})])
    for width, theta, factor in ((6, 500.0, 4.0), (128, 1e5, 2.5)):
        rope = {"rope_type": "linear", "factor": factor}
        add(f"linear_{width}", both_spellings(width, theta, rope),
            [gguf(theta, {"type": "linear", "factor": factor}), gguf(theta, {"factor": factor}),
             gguf(theta, {}, **{"rope.scale_linear": factor})])
    rope = {"rope_type": "linear", "factor": 8.0}
    add("linear_partial", both_spellings(256, 10000.0, rope, partial_rotary_factor=0.25))
    add("linear_attn_factor", both_spellings(16, 10000.0, rope), times=0.75,
        gguf=[gguf(10000.0, {"type": "linear", "factor": 8.0, "attn_factor": 0.75})])


def dynamic():
    for width, theta, factor, more in ((6, 500.0, 2.0, {}), (96, 1e6, 3.5, {}),
                                       (128, 10000.0, 2.0, {"partial_rotary_factor": 0.5})):
        for context in (100, 4096, 4097, 9000):
            add(f"dynamic_{width}_at_{context}",
                both_spellings(width, theta, {"rope_type": "dynamic", "factor": factor}, **more), context=context)


def llama3():
    settings = (("8b", 128, 8.0, 1.0, 4.0), ("1b", 64, 32.0, 1.0, 4.0), ("equal", 128, 16.0, 1.0, 1.0),
                ("narrow", 6, 8.0, 2.0, 8.0))
    for name, width, factor, low, high in settings:
        rope = {"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
                "original_max_position_embeddings": 8192}
        tensors = {}
        if low < high:
            tensors["rope_freqs.weight"] = [float(f"{v:.9g}") for v in gguf_file.llama3_divisors(rope, width, 5e5)]
        add(f"llama3_{name}", both_spellings(width, 5e5, rope, trained=131072),
            [gguf(5e5, {}, 131072, tensors=tensors)] if tensors else ())
        if name == "narrow":  # divisors and factor without a type
            add("llama3_attn_factor", both_spellings(width, 5e5, rope, trained=131072), times=1.25,
                gguf=[gguf(5e5, {"attn_factor": 1.25}, 131072, tensors=tensors)])
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    add("llama3_no_original", both_spellings(64, 10000.0, rope))


def yarn_pair(factor, original, **more):
    """The settings in both formats, `more` in the names of transformers."""
    names = {"beta_fast": "yarn_beta_fast", "beta_slow": "yarn_beta_slow", "attention_factor": "yarn_attn_factor"}
    lengths = {} if original is None else {"original_max_position_embeddings": original}
    hf = {"rope_type": "yarn", "factor": factor} | lengths | more
    file = {"type": "yarn", "factor": factor} | ({} if original is None else {"original_context_length": original})
    return hf, file | {names[key]: value for key, value in more.items() if key in names}


def yarn():
    for width, theta in ((2, 500.0), (6, 500.0), (64, 10000.0), (96, 5e6), (128, 1e6)):
        hf, file = yarn_pair(4.0, 32768)
        defaults = hf | {"beta_fast": 32, "beta_slow": 1, "truncate": True, "attention_factor": None}
        add(f"yarn_{width}", both_spellings(width, theta, hf, trained=131072) +
            both_spellings(width, theta, defaults, trained=131072) +
            both_spellings(width, theta, hf | {"beta_fast": None, "beta_slow": 0}, trained=131072),
            [gguf(theta, file, 131072), gguf(theta, file | {"yarn_beta_fast": 32.0, "yarn_beta_slow": 1.0}, 131072),
             gguf(theta, file | {"attn_factor": 1.0, "yarn_log_multiplier": 0.0, "yarn_ext_factor": 1.0}, 131072)])
    hf, file = yarn_pair(4.0, 1024)
    for name, times, more in (("attn_factor", 0.9, {}), ("both_attn_factors", 1.5, {"attention_factor": 1.25})):
        add(f"yarn_{name}", both_spellings(64, 10000.0, hf | more), times=times,
            gguf=[gguf(10000.0, yarn_pair(4.0, 1024, **more)[1] | {"attn_factor": times})])
    settings = {
        "betas": (128, 1e6, yarn_pair(4.0, 32768, beta_fast=16.0, beta_slow=2.0)),
        "betas_near": (64, 10000.0, yarn_pair(8.0, 4096, beta_fast=3.0, beta_slow=2.5)),
        "one_beta": (64, 10000.0, yarn_pair(8.0, 4096, beta_fast=8.0)),
        "attention_factor": (128, 1e6, yarn_pair(4.0, 32768, attention_factor=1.25)),
        "attention_factor_1": (64, 1e4, yarn_pair(40.0, 4096, attention_factor=1.0, beta_slow=4.0)),
        "shrinks": (64, 1e4, yarn_pair(1.0, 4096)),
        "short_original": (16, 1e4, yarn_pair(4.0, 7)),
    }
    for name, (width, theta, (hf, file)) in settings.items():
        add(f"yarn_{name}", both_spellings(width, theta, hf, trained=131072), [gguf(theta, file, 131072)])
    hf, file = yarn_pair(4.0, None)
    add("yarn_no_original", both_spellings(64, 10000.0, hf), [gguf(10000.0, file)])
    hf, file = yarn_pair(4.0, 1024)
    add("yarn_partial", both_spellings(128, 10000.0, hf, partial_rotary_factor=0.5), [gguf(10000.0, file)])
    add("yarn_original_at_top", both_spellings(64, 10000.0, hf, original_max_position_embeddings=2048))
    # No factor: the ratio of the lengths. ggml leaves such a file as it is.
    hf, file = yarn_pair(None, 1024)
    add("yarn_factor_of_lengths", both_spellings(96, 10000.0, hf, trained=10240))
    add("yarn_without_factor", [config_of(96, 10000.0, None)],
        [gguf(10000.0, {key: file[key] for key in ("type", "original_context_length")}, 10240)])
    # gpt-oss: GGUF has no key for truncate and its readers always truncate.
    hf, file = yarn_pair(32.0, 4096, beta_fast=32.0, beta_slow=1.0)
    add("yarn_gpt_oss", both_spellings(64, 150000.0, hf | {"truncate": False}, trained=131072))
    add("yarn_gpt_oss_truncated", both_spellings(64, 150000.0, hf, trained=131072), [gguf(150000.0, file, 131072)])
    # Without extrapolation ggml has linear scaling.
    add("yarn_no_extrapolation", both_spellings(64, 10000.0, {"rope_type": "linear", "factor": 4.0}),
        [gguf(10000.0, yarn_pair(4.0, 1024)[1] | {"yarn_ext_factor": 0.0})])


def deepseek():
    base, file = yarn_pair(40.0, 4096, beta_fast=32.0, beta_slow=1.0)

    def case(name, hf, files):
        add(f"yarn_mscale_{name}", both_spellings(64, 10000.0, base | hf, trained=163840), files)

    def with_log(value, arch):
        return gguf(10000.0, file | {"yarn_log_multiplier": value}, 163840, arch)
    case("v3", {"mscale": 1.0, "mscale_all_dim": 1.0}, [with_log(0.1, "deepseek2"), with_log(1.0, "llama")])
    case("v2", {"mscale": 0.707, "mscale_all_dim": 0.707}, [with_log(0.0707, "deepseek2")])
    case("unequal", {"mscale": 1.0, "mscale_all_dim": 0.5}, [with_log(0.5, "llama")])
    case("above", {"mscale": 1.5, "mscale_all_dim": 0.5}, [])
    case("alone", {"mscale": 0.5}, [with_log(0.0, "llama")])
    case("all_dim_alone", {"mscale_all_dim": 0.5}, [])
    case("overruled", {"mscale": 1.5, "mscale_all_dim": 0.5, "attention_factor": 1.125}, [])


def longrope():
    random = np.random.RandomState(7)

    def factors(count, largest):
        return [round(float(v), 3) for v in np.sort(random.uniform(1, largest, count))]

    def both(name, width, theta, rope, files, **more):
        far = ((100, "short"), (131072, "long")) if name == "phi" else ()
        for context, which in ((4096, "short"), (4097, "long"), *far):
            found = [gguf(theta, scaling, 131072, "phi3", {f"rope_factors_{kind}.weight": rope[f"{kind}_factor"]
                                                            for kind in ("short", "long")}) for scaling in files]
            if far:  # only the tensor that is needed
                found += [f | {"tensors": {k: v for k, v in f["tensors"].items() if which in k}} for f in found[:1]]
            configs = both_spellings(width, theta, rope, trained=131072, **more)
            add(f"longrope_{name}_at_{context}", configs, found, context)

    def rope(count, **more):
        return {"rope_type": "longrope", "short_factor": factors(count, 1.5), "long_factor": factors(count, 60)} | more
    length = {"original_max_position_embeddings": 4096}
    as_key = {"original_context_length": 4096}
    # sqrt(1 + ln 32 / ln 4096), as the converter writes it.
    with_factor = as_key | {"attn_factor": 1.1902380714238083}
    both("phi", 12, 10000.0, rope(6), [as_key | {"type": "longrope"}, with_factor, with_factor | {"type": "longrope"}],
         model_type="phi3", **length)
    both("partial", 16, 10000.0, rope(6), [], model_type="phi3", partial_rotary_factor=0.75, **length)
    both("narrow", 2, 500.0, rope(1, **length), [as_key | {"type": "longrope"}])
    both("factor", 6, 500.0, rope(3, factor=4.0, **length),
         [as_key | {"type": "longrope", "attn_factor": 1.0801234497}])
    both("attention_factor", 6, 500.0, rope(3, factor=4.0, attention_factor=1.375, **length),
         [as_key | {"type": "longrope", "attn_factor": 1.375}])
    # "su" is what Phi called it first.
    su = rope(6, **length) | {"rope_type": "su"}
    add("longrope_su", both_spellings(12, 10000.0, su, trained=131072, model_type="phi3", **length), context=5000)
    grown = rope(3, **length)
    add("longrope_not_longer", both_spellings(6, 500.0, grown, trained=4096), context=4096)
    grown = rope(3, factor=2.0)
    add("longrope_no_original", both_spellings(6, 500.0, grown, trained=4096), context=4096)


def main():
    transformers.logging.set_verbosity_error()
    for family in (plain, dynamic, llama3, yarn, deepseek, longrope):
        family()
    assert len({case["name"] for case in CASES}) == len(CASES)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in CASES)
    (HERE / "rope_tables.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
