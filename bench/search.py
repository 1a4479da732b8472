#!/usr/bin/env python3
"""search.py - how well the right memories are found, through the public search of a running server.

    MEMORYD=... MEMORYD_MODEL=... bench/search.py FOLDER [--turns]

FOLDER holds devbench.json (30 developer memories, 20 questions) and locomo10.json (LoCoMo: 10 long
conversations, 1,986 questions). Protocols: the first 5 results count; recall@5 is the share of the
expected items among them, MRR is 1 / rank of the first expected item, 0 without one; means over the
questions. LoCoMo stores the observations that come with each conversation, in a database of its own;
an item is expected if it carries a reference that the question names as evidence. An item is counted
once, and questions without evidence are left out. With --turns the dialogue's turns are stored instead.

SPDX-License-Identifier: Apache-2.0
"""
import collections
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from harness import Server  # noqa: E402

DEPTH = 5
MODES = ("hybrid", "semantic")
LOCOMO_CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
NEGATIVE = "negative"  # of DevBench: nothing is right


class Tally:
    """Means by mode and category."""

    def __init__(self):
        self.scores = collections.defaultdict(list)

    def add(self, mode, category, recall, reciprocal_rank):
        for name in (category, "all"):
            self.scores[mode, name].append((recall, reciprocal_rank))

    def show(self, title):
        print(f"\n{title}")
        for (mode, category), values in sorted(self.scores.items()):
            recall = 100 * sum(v[0] for v in values) / len(values)
            mrr = sum(v[1] for v in values) / len(values)
            print(f"  {mode:9s} {category:12s} {len(values):5d} questions"
                  f"   recall@{DEPTH} {recall:5.1f} %   MRR {mrr:.3f}")


def search(server, question, mode):
    """The tags of each hit, best first; tags come back in lower case."""
    result = server.tool("memory_search", query=question, limit=DEPTH, mode=mode)
    assert not result.get("isError"), result
    return [set(m["tags"]) for m in result["structuredContent"]["memories"]]


def score(found, expected):
    """recall and 1 / rank; each expected tag counts once, where it comes first."""
    left = set(expected)
    first = 0.0
    for place, tags in enumerate(found, 1):
        hit = left & tags
        if hit and not first:
            first = 1 / place
        left -= hit
    return (len(expected) - len(left)) / len(expected), first


def ask(server, tally, category, question, expected):
    for mode in MODES:
        tally.add(mode, category, *score(search(server, question, mode), expected))


def devbench(data):
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, Server(pathlib.Path(folder)) as server:
        for memory in data["memories"]:
            server.store(memory["content"], tags=memory["tags"])
        for query in data["queries"]:
            if query["expected_tags"]:
                ask(server, tally, query["category"], query["question"], query["expected_tags"])
    tally.show("DevBench")


def observations(conversation):
    for name, speakers in conversation["observation"].items():
        for speaker, items in speakers.items():
            for text, reference in items:
                references = reference if isinstance(reference, list) else [reference]
                yield text, [speaker, name.removesuffix("_observation"), *(f"dia:{r}" for r in references)]


def turns(conversation):
    for name, session in conversation["conversation"].items():
        if isinstance(session, list):
            for turn in session:
                yield f"{turn['speaker']}: {turn['text']}", [turn["speaker"], name, f"dia:{turn['dia_id']}"]


def evidence(qa):
    return {f"dia:{e.strip()}".lower() for entry in qa["evidence"] for e in entry.split(";") if e.strip()}


def locomo(data, items, title):
    tally = Tally()
    for conversation in data:
        tags_of = collections.defaultdict(list)  # the same text is stored once, with the tags of all
        for text, tags in items(conversation):
            if text.strip():
                tags_of[text] += [t for t in tags if t not in tags_of[text]]
        with tempfile.TemporaryDirectory() as folder, Server(pathlib.Path(folder)) as server:
            for text, tags in tags_of.items():
                server.store(text, tags=tags)
            for qa in conversation["qa"]:
                if expected := evidence(qa):
                    ask(server, tally, LOCOMO_CATEGORIES[qa["category"]], qa["question"], expected)
        print(".", end="", file=sys.stderr, flush=True)
    tally.show(title)


def main():
    if len(sys.argv) < 2:
        sys.exit("search.py: name the folder with devbench.json and locomo10.json")
    folder = pathlib.Path(sys.argv[1])
    devbench(json.loads((folder / "devbench.json").read_text()))
    data = json.loads((folder / "locomo10.json").read_text())
    locomo(data, observations, "LoCoMo, observations")
    if "--turns" in sys.argv:
        locomo(data, turns, "LoCoMo, turns")


if __name__ == "__main__":
    main()
