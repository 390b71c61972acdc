#!/usr/bin/env python3
"""Writes the tokenizer fixtures beside this script: small tokenizers with the ids that their own libraries give.

  hf_tokenizers.json  tokenizer.json files (trained here on the lines below) with ids from Hugging Face `tokenizers`
  splits.json         pieces that `tokenizers` (Oniguruma) cuts texts into, for regexes as published
  spm_bpe.model       a SentencePiece BPE model, spm_bpe.json its ids from `sentencepiece`

Needs: pip install tokenizers sentencepiece. The output is the same on every run with the same versions.
"""
import io
import json
import pathlib
import random

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent

LINES = [
    "Once upon a time there was a small fox who lived near the old stone bridge.",
    "The fox liked to count: 1, 2, 3, 10, 100, 2024, and even 1234567 stars in the night sky!",
    "She said, \"I'll be back soon,\" and they've waited; he's sure that we're not late, it'd be fine.",
    "def main(argc, argv):\n    for i in range(10):\n        print(f'{i}: {argv[i]}')\n    return 0\n",
    "Der Fuchs läuft über die Brücke. Le renard traverse le pont. Лиса идёт по мосту.",
    "狐狸走过了那座古老的石桥。今天天气很好，我们去公园吧。",
    "The naïve café owner's résumé — 50% off… 🦊🌉 emoji and \t tabs   and    spaces.",
]

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", " \n \n", "a", " a", "a ", "  a  b   c", "Hello World", " Hello world!",
    "The fox's stars", "I'LL we'Ve 'tis he'D", "1234567890", "x1y22z333", "über Straße", "Лиса", "狐狸走过石桥 fox",
    "🦊🌉 and 👩‍👩‍👧", "e\u0301 combining", "tabs\t\tand\r\nreturns\r\n\r\n  end", "a\u00a0b\u3000c\u180ed\u2028e",
    "def f(x):\n        return x  # ok\n\n\n", "....!!!???", "<|begin|>fox<|end|>", "<|begin|> fox <|end|> bridge",
    "a<tool>b</tool>  c", "fox   <mask>   stone", "left  <pad>  right", "<s>fox</s> bridge<s>", "\u0000\u0001\x7f",
    "▁literal ▁▁mark", "ⅷ ² ½ ٣", "CamelCaseWords HTTPServer ÄÖÜß", "'s 'S ’s", "  leading and trailing  ", "\U0001F9D9",
]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_V3 = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"]
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"]
TRAILING = [r"\s+$"]


def cases(tokenizer, texts=TEXTS):
    result = []
    for text in texts:
        ids = tokenizer.encode(text).ids
        result.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
    return result


def byte_level():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator(LINES * 2, trainer)
    tokenizer.add_special_tokens([
        AddedToken("<|begin|>", normalized=False), AddedToken("<|end|>", normalized=False),
        AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("<pad>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("</tool>", normalized=False)])
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", begin)])])
    return tokenizer


def spm_bytes():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 3), model_writer=model, model_type="bpe", vocab_size=460, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True, character_coverage=0.99,
        minloglevel=2, user_defined_symbols=["<tool>"], max_sentence_length=1000)
    return model.getvalue()


def merges_of(vocab):
    """As converters do it: every split of a token into two tokens, in the order of the token, then of the parts."""
    merges = []
    for token, rank in vocab.items():
        local = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocab and token[i:] in vocab]
        local.sort(key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
        merges.extend((rank, left, right) for left, right in local)
    merges.sort(key=lambda merge: merge[0])
    return [(left, right) for _, left, right in merges]


def spm_like(processor):
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    plain = {p: i for p, i in vocab.items()
             if not (processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i))}
    model = models.BPE(vocab=vocab, merges=merges_of(plain), unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>",
                                                             special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def patched(base, name, patch):
    """A tokenizer that is `base` with members replaced, as a small JSON merge patch."""
    document = json.loads(base.to_str())

    def merge(into, change):
        for key, value in change.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value

    merge(document, patch)
    return {"name": name, "patch": patch, "cases": cases(Tokenizer.from_str(json.dumps(document)))}


def hf_tokenizers():
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm_bytes())
    bytes_, spm = byte_level(), spm_like(processor)
    byte_part = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    metaspace = {"type": "Metaspace", "replacement": "▁"}
    no_strip = {"decoders": json.loads(spm.to_str())["decoder"]["decoders"][:3]}
    qwen = json.loads(bytes_.to_str())["pre_tokenizer"]
    qwen["pretokenizers"][0]["pattern"]["Regex"] = QWEN2
    groups = [
        {"base": json.loads(bytes_.to_str()), "variants": [
            patched(bytes_, "llama3-like", {}),
            patched(bytes_, "gpt2-like", {"pre_tokenizer": byte_part, "post_processor": None,
                                          "model": {"ignore_merges": False}}),
            patched(bytes_, "gpt2-prefix", {"pre_tokenizer": {**byte_part, "add_prefix_space": True}}),
            patched(bytes_, "qwen2-like", {"pre_tokenizer": qwen, "model": {"ignore_merges": False}}),
            patched(bytes_, "smollm-like", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": True}, byte_part]}}),
        ]},
        {"base": json.loads(spm.to_str()), "variants": [
            patched(spm, "llama2-like", {}),
            patched(spm, "metaspace-first", {"normalizer": None, "pre_tokenizer": {
                **metaspace, "prepend_scheme": "first", "split": False}}),
            patched(spm, "metaspace-always-split", {"normalizer": None, "pre_tokenizer": {
                **metaspace, "prepend_scheme": "always", "split": True}}),
            patched(spm, "metaspace-never", {"normalizer": None, "decoder": no_strip, "pre_tokenizer": {
                **metaspace, "prepend_scheme": "never", "split": False}}),
            patched(spm, "gemma-like", {
                "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "decoder": no_strip,
                "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                                  "invert": False}}),
            patched(spm, "no-byte-fallback", {"model": {"byte_fallback": False}}),
        ]},
    ]
    (HERE / "hf_tokenizers.json").write_text(json.dumps(groups, ensure_ascii=True, separators=(",", ":")) + "\n")


def splits():
    generator = random.Random(11)
    alphabet = list("aZé中の1٣²'’ \t\n\r\u00a0\u3000\u180e!-$…ßΩЖ\u0301\U0001F98Asdtl/")
    texts = TEXTS + LINES[:4] + ["".join(generator.choice(alphabet) for _ in range(24)) for _ in range(60)]
    lists = {"llama-bpe": [LLAMA3], "qwen2": [QWEN2], "qwen35": [QWEN35], "gpt-2": [GPT2], "gpt-4o": [GPT4O],
             "deepseek-v3": DEEPSEEK_V3, "deepseek-coder": DEEPSEEK_CODER, "": TRAILING}
    groups = []
    for name, regexes in lists.items():
        split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r), "isolated") for r in regexes])
        pieces = [[p for p, _ in split.pre_tokenize_str(text)] for text in texts]
        # Lengths in code points are small and say the same: the pieces are all of the text.
        groups.append({"pre": name, "regexes": regexes, "lengths": [[len(p) for p in ps] for ps in pieces]})
    document = {"texts": texts, "groups": groups}
    (HERE / "splits.json").write_text(json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n")


def sentencepiece_model():
    data = spm_bytes()
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    result = [{"text": t, "ids": processor.encode(t), "decoded": processor.decode(processor.encode(t))}
              for t in TEXTS if "\u0000" not in t]
    (HERE / "spm_bpe.model").write_bytes(data)
    (HERE / "spm_bpe.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    hf_tokenizers()
    splits()
    sentencepiece_model()
