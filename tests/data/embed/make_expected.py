# SPDX-License-Identifier: Apache-2.0
"""Computes what the tests of src/embed compare with, from the original model run by PyTorch.

    python3 -m venv venv && venv/bin/pip install torch transformers tokenizers
    venv/bin/python make_expected.py FOLDER-OF-THE-PUBLISHED-MODEL

Writes beside itself:
    expected.json     [{"text": ..., "ids": [...]}, ...]: the texts of texts.py and their token ids
    expected.f32      their vectors, 384 little-endian fp32 numbers each
    code_points.json  SHA-256 over the ids of every code point in context, one per CODE_POINT_BLOCK
"""

import hashlib
import json
import pathlib
import sys

import torch
from tokenizers import Tokenizer
from transformers import BertModel

import texts

MAX_TOKENS = 256
CODE_POINT_BLOCK = 4096
HERE = pathlib.Path(__file__).parent


def vector(model, ids):
    """Mean over all tokens, unit length, as the model's modules.json says."""
    with torch.no_grad():
        state = model(torch.tensor([ids])).last_hidden_state[0]
        return torch.nn.functional.normalize(state.mean(0), dim=0).numpy()


def code_point_digest(tokenizer, first):
    """Each code point inside a word, alone and doubled, so that its class shows in the ids."""
    sample = [f"a{chr(c)}b {chr(c)} {chr(c)}{chr(c)}"
              for c in range(first, first + CODE_POINT_BLOCK) if not 0xd800 <= c < 0xe000]
    digest = hashlib.sha256()
    for encoding in tokenizer.encode_batch(sample):
        for i in encoding.ids:
            digest.update(i.to_bytes(4, "little"))
    return digest.hexdigest()


def main():
    folder = pathlib.Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    model = BertModel.from_pretrained(folder, attn_implementation="eager").eval().float()

    rows = [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts.ALL]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
    with open(HERE / "expected.f32", "wb") as f:
        for row in rows:
            f.write(vector(model, row["ids"]).astype("<f4").tobytes())
    digests = [code_point_digest(tokenizer, first)
               for first in range(0, 0x110000, CODE_POINT_BLOCK)]
    (HERE / "code_points.json").write_text(json.dumps(digests, indent=0) + "\n")
    print(len(rows), "texts")


main()
