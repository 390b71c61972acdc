"""A byte-level BPE vocabulary of 256 bytes, 24 merges and a few special tokens, as tokenizer.json and as GGUF keys."""

import dataclasses

# The split patterns are those of the released Llama 3 and Qwen 2 tokenizer.json files, character for character, since
# loaders recognise them by comparison. GPT-2 has none: its ByteLevel step brings the regex along.
SIGNS_AND_SPACE = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
SPLIT = {"llama-bpe": WORDS + r"\p{N}{1,3}|" + SIGNS_AND_SPACE, "qwen2": WORDS + r"\p{N}|" + SIGNS_AND_SPACE,
         "gpt-2": None}

MERGES = [("Ġ", "t"), ("h", "e"), ("Ġ", "a"), ("i", "n"), ("Ġt", "he"), ("r", "e"), ("Ġ", "s"), ("o", "n"), ("n", "d"),
          ("Ġ", "w"), ("Ġa", "nd"), ("e", "d"), ("o", "u"), ("in", "g"), ("Ġ", "l"), ("Ġl", "i"), ("t", "t"),
          ("Ġli", "tt"), ("l", "e"), ("Ġlitt", "le"), ("O", "n"), ("On", "c"), ("Onc", "e"), ("1", "2")]

# kind: control (never text), user_defined (matched as an atom, but is text).
SPECIALS = {"llama-bpe": [("<|begin_of_text|>", "control"), ("<|end_of_text|>", "control"), ("<|eot_id|>", "control")],
            "qwen2": [("<|endoftext|>", "control"), ("<|im_start|>", "control"), ("<|im_end|>", "control"),
                      ("<think>", "user_defined"), ("</think>", "user_defined")],
            "gpt-2": [("<|endoftext|>", "control")]}

CHAT_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
                 "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
                 "{% endif %}")

GGUF_TYPE = {"normal": 1, "control": 3, "user_defined": 4, "unused": 5}


def byte_alphabet():
    """The 256 code points that stand for bytes in byte-level BPE, in byte order."""
    own = set(range(0x21, 0x7F)) | set(range(0xA1, 0xAD)) | set(range(0xAE, 0x100))
    spare = iter(range(0x100, 0x200))
    return [chr(byte) if byte in own else chr(next(spare)) for byte in range(256)]


@dataclasses.dataclass
class TinyTokenizer:
    pre: str
    vocab_size: int  # of the model; ids past the tokenizer's own are padding

    def __post_init__(self):
        self.normal = byte_alphabet() + [left + right for left, right in MERGES]
        self.specials = SPECIALS[self.pre]
        self.ids = {text: i for i, text in enumerate(self.normal + [text for text, _ in self.specials])}
        assert len(self.ids) == len(self.normal) + len(self.specials) <= self.vocab_size

    def special_ids(self):
        """The (bos, eos list, pad) that the released models of this kind declare."""
        by_pre = {"llama-bpe": ("<|begin_of_text|>", ["<|end_of_text|>", "<|eot_id|>"], None),
                  "qwen2": (None, ["<|im_end|>", "<|endoftext|>"], "<|endoftext|>"),
                  "gpt-2": ("<|endoftext|>", ["<|endoftext|>"], None)}
        bos, eos, pad = by_pre[self.pre]
        return self.ids.get(bos), [self.ids[text] for text in eos], self.ids.get(pad)

    def tokenizer_json(self):
        split, bos = SPLIT[self.pre], "<|begin_of_text|>"
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": split is None}
        pre_tokenizer = byte_level if split is None else {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False}, byte_level]}
        post_processor = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
        if self.pre == "llama-bpe":
            begin = {"SpecialToken": {"id": bos, "type_id": 0}}
            post_processor = {"type": "Sequence", "processors": [post_processor, {
                "type": "TemplateProcessing", "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}},
                         begin, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {bos: {"id": bos, "ids": [self.ids[bos]], "tokens": [bos]}}}]}
        # GPT-2 lists its one special token in the vocabulary too; the others keep theirs outside.
        in_vocab = self.ids if self.pre == "gpt-2" else {text: self.ids[text] for text in self.normal}
        return {"version": "1.0", "truncation": None, "padding": None,
                "added_tokens": [{"id": self.ids[text], "content": text, "single_word": False, "lstrip": False,
                                  "rstrip": False, "normalized": False, "special": kind == "control"}
                                 for text, kind in self.specials],
                "normalizer": {"type": "NFC"} if self.pre == "qwen2" else None,
                "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
                "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                          "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                          "ignore_merges": self.pre == "llama-bpe", "vocab": in_vocab,
                          "merges": [f"{left} {right}" for left, right in MERGES]}}

    def tokenizer_config(self):
        bos, eos, pad = self.special_ids()
        text = {i: t for t, i in self.ids.items()}
        config = {"added_tokens_decoder": {
                      str(self.ids[t]): {"content": t, "lstrip": False, "normalized": False, "rstrip": False,
                                         "single_word": False, "special": kind == "control"}
                      for t, kind in self.specials},
                  "bos_token": text.get(bos), "clean_up_tokenization_spaces": False, "eos_token": text[eos[0]],
                  "model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"}
        if pad is not None:
            config["pad_token"] = text[pad]
        if self.pre == "qwen2":
            config |= {"add_bos_token": False, "chat_template": CHAT_TEMPLATE}
        return config

    def gguf_keys(self):
        kinds = ["normal"] * len(self.normal) + [kind for _, kind in self.specials]
        padding = self.vocab_size - len(self.ids)
        bos, eos, pad = self.special_ids()
        keys = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": self.pre,
                "tokenizer.ggml.tokens": list(self.ids) + [f"[PAD{len(self.ids) + i}]" for i in range(padding)],
                "tokenizer.ggml.token_type": [GGUF_TYPE[kind] for kind in kinds + ["unused"] * padding],
                "tokenizer.ggml.merges": [f"{left} {right}" for left, right in MERGES],
                "tokenizer.ggml.eos_token_id": eos[0], "tokenizer.ggml.add_bos_token": self.pre == "llama-bpe"}
        if bos is not None:
            keys["tokenizer.ggml.bos_token_id"] = bos
        if pad is not None:
            keys["tokenizer.ggml.padding_token_id"] = pad
        if self.pre == "qwen2":
            keys["tokenizer.chat_template"] = CHAT_TEMPLATE
        return keys
