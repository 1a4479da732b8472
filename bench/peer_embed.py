#!/usr/bin/env python3
"""peer_embed.py - the encoder beside ONNX Runtime, in turns, with the same weights.

    peer_embed.py [WEIGHTS-FOLDER]

The ONNX model is made here from the published weights, in the fused form that ONNX Runtime's own optimiser
for transformers gives (Attention, SkipLayerNormalization, EmbedLayerNormalization, BiasGelu; FastGelu is left out
because it approximates), and its 8-bit form by quantize_dynamic() with weights per channel, as its
authors advise. Both programs work on one core; each length is measured in turns of a few runs, so that
what else the machine does meets both. Times are those of the core that each process had, not of the clock on the
wall: others may share the core. Ours begin with the text, ONNX Runtime's with the tokens. Printed is the least
and the median for each, and their ratios.
"""
# SPDX-License-Identifier: Apache-2.0

import json
import os
import logging
import statistics
import struct
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

import data

LENGTHS = (8, 32, 128, 256)
BATCHES = ((8, 32), (32, 32), (8, 128))  # texts, tokens of each
SECONDS = 1.2  # of each program at each length
RUNS = 3  # in one turn
TARGETS = {"fp32": 1.0, "int8": 1.5}
LAYERS, HEADS, HIDDEN, EPSILON = 6, 12, 384, 1e-12
MS = "com.microsoft"
WORD, CLS, SEP = 3638, 101, 102  # "memory" and the two that come around


def read_safetensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        table = json.loads(f.read(size))
        data = f.read()
    out = {}
    for name, t in table.items():
        if name != "__metadata__" and t["dtype"] == "F32":
            start, end = t["data_offsets"]
            out[name] = np.frombuffer(data[start:end], np.float32).reshape(t["shape"])
    return out


class Graph:
    """Nodes and initialisers, named as they come."""

    def __init__(self):
        self.nodes, self.inits = [], []

    def const(self, name, value):
        self.inits.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op, inputs, domain="", **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], domain=domain, **attributes))
        return out


def add_layer(g, w, i, x):
    def of(name):
        return w[f"encoder.layer.{i}.{name}"]

    def norm(x, added, bias, where):
        return g.node("SkipLayerNormalization",
                      [x, added, g.const(f"{where}g{i}", of(f"{where}.LayerNorm.weight")),
                       g.const(f"{where}b{i}", of(f"{where}.LayerNorm.bias")), bias],
                      MS, epsilon=EPSILON)

    qkv = ["attention.self.query", "attention.self.key", "attention.self.value"]
    mixed = g.node("Attention", [
        x, g.const(f"qkv{i}", np.concatenate([of(n + ".weight").T for n in qkv], axis=1)),
        g.const(f"qkvb{i}", np.concatenate([of(n + ".bias") for n in qkv]))], MS, num_heads=HEADS)
    out = g.node("MatMul", [mixed, g.const(f"mix{i}", of("attention.output.dense.weight").T)])
    x = norm(x, out, g.const(f"mixb{i}", of("attention.output.dense.bias")), "attention.output")
    up = g.node("MatMul", [x, g.const(f"up{i}", of("intermediate.dense.weight").T)])
    up = g.node("BiasGelu", [up, g.const(f"upb{i}", of("intermediate.dense.bias"))], MS)
    down = g.node("MatMul", [up, g.const(f"down{i}", of("output.dense.weight").T)])
    return norm(x, down, g.const(f"downb{i}", of("output.dense.bias")), "output")


def make_model(w, path):
    g = Graph()
    e = "embeddings."
    x, mask = "embedded", "mask_index"
    g.nodes.append(helper.make_node(
        "EmbedLayerNormalization",
        ["ids", "", g.const("words", w[e + "word_embeddings.weight"]),
         g.const("positions", w[e + "position_embeddings.weight"]), "",
         g.const("eg", w[e + "LayerNorm.weight"]), g.const("eb", w[e + "LayerNorm.bias"])],
        [x, mask], domain=MS, epsilon=EPSILON))
    # Type 0 belongs to every token: it goes into the positions.
    g.inits[1] = numpy_helper.from_array(
        w[e + "position_embeddings.weight"] + w[e + "token_type_embeddings.weight"][0], "positions")
    for i in range(LAYERS):
        x = add_layer(g, w, i, x)
    mean = g.node("ReduceMean", [x], axes=[1], keepdims=0)
    g.nodes.append(helper.make_node("LpNormalization", [mean], ["vector"], axis=1, p=2))
    graph = helper.make_graph(
        g.nodes, "minilm",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "tokens"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", HIDDEN])], g.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                    helper.make_opsetid(MS, 1)], ir_version=8)
    onnx.save(model, path)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def ids_of(n_texts, n_tokens):
    return np.array([[CLS] + [WORD] * (n_tokens - 2) + [SEP]] * n_texts, np.int32)


class Peer:
    def __init__(self, name, path):
        self.name, self.session = name, session(path)

    def vector(self, n_tokens):
        return self.session.run(None, {"ids": ids_of(1, n_tokens)})[0][0]

    def run(self, n_texts, n_tokens):
        feed = {"ids": ids_of(n_texts, n_tokens)}
        times = []
        for _ in range(RUNS):
            start = time.process_time()
            self.session.run(None, feed)
            times.append((time.process_time() - start) * 1000)
        return times


class Ours:
    def __init__(self, name):
        self.name = name
        self.turns = data.Turns("embed_turns", data.MODEL, name)

    def vector(self, n_tokens):
        return np.array(self.turns.ask("vector", n_tokens), np.float32)

    def run(self, n_texts, n_tokens):
        return [us / 1000 for us in self.turns.ask("time", n_tokens, n_texts, RUNS)]


def compare(ours, peer, n_texts, n_tokens):
    times = {ours: [], peer: []}
    for who in times:
        who.run(n_texts, n_tokens)  # brings caches and memory into place
    while sum(map(sum, times.values())) < 2000 * SECONDS or len(times[peer]) < 3 * RUNS:
        for who in times:
            times[who] += who.run(n_texts, n_tokens)
    least = {who: min(t) for who, t in times.items()}
    median = {who: statistics.median(t) for who, t in times.items()}
    ratio = median[peer] / median[ours]
    print(f"  {ours.name} {n_texts:2d} x {n_tokens:3d} tokens: "
          f"memoryd {least[ours]:7.2f} / {median[ours]:7.2f} ms, "
          f"ONNX Runtime {least[peer]:7.2f} / {median[peer]:7.2f} ms, "
          f"ratio {least[peer] / least[ours]:5.2f} / {ratio:5.2f}; "
          f"{data.verdict(round(ratio, 2), TARGETS[ours.name], False)}", flush=True)


def show_cosines(exact, ours, peer):
    """How near each comes to ONNX Runtime's fp32; the texts are one word again and again."""
    for title, who in (("memoryd", ours), ("ONNX Runtime", peer)):
        cosine = min(float(exact.vector(n) @ who.vector(n)) for n in LENGTHS)
        print(f"{ours.name}: cosine of {title} to ONNX Runtime's fp32 {cosine:.5f} at least")


def compare_all(name, path, exact):
    ours, peer = Ours(name), Peer(name, path)
    show_cosines(exact, ours, peer)
    for n in LENGTHS:
        compare(ours, peer, 1, n)
    for n_texts, n in BATCHES:
        compare(ours, peer, n_texts, n)
    ours.turns.close()


def main():
    weights = sys.argv[1] if len(sys.argv) > 1 else data.ROOT / ".cache" / "all-MiniLM-L6-v2"
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core for both: they take turns
    print(f"ONNX Runtime {onnxruntime.__version__}, one core, least / median")
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = os.path.join(folder, "fp32.onnx"), os.path.join(folder, "int8.onnx")
        make_model(read_safetensors(os.path.join(weights, "model.safetensors")), fp32)
        quantize_dynamic(fp32, int8, per_channel=True, weight_type=QuantType.QInt8,
                         op_types_to_quantize=["MatMul", "Attention"],
                         extra_options={"DefaultTensorType": TensorProto.FLOAT})
        for name, path in (("fp32", fp32), ("int8", int8)):
            compare_all(name, path, Peer("exact", fp32))


if __name__ == "__main__":
    main()
