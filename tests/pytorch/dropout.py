#!/usr/bin/env python3
"""Dropout: in evaluation as torch.nn.Dropout; in training torch is given mynah's mask, drawn by an independent Philox."""

import pathlib
import sys

import numpy
import torch

from dump import Dump

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
from mynah_random import philox  # noqa: E402

LAYER, SEED = 8, 1  # RandomStream::layer; the seed of PyTorchCase::expect_layer


def mask(p, shape):
    """1 where an element is kept: where its number in [0, 1), counted row by row, is at least p."""
    size = int(numpy.prod(shape))
    words = philox(SEED, LAYER, 0, numpy.arange((size + 3) // 4)).reshape(-1)[:size]
    unit = (words >> numpy.uint32(8)).astype(numpy.float32) / numpy.float32(2**24)
    return torch.from_numpy((unit >= numpy.float32(p)).astype(numpy.float32).reshape(shape))


dump = Dump("dropout")
dump.layer("evaluate", torch.nn.Dropout(0.3).eval(), torch.randn(9, 13))
for name, p, shape in (("none", 0.0, (5, 7)), ("tenth", 0.1, (33, 17)), ("half", 0.5, (7, 64)), ("most", 0.9, (21, 11))):
    kept = mask(p, shape)
    dump.layer(name, torch.nn.Identity(), torch.randn(*shape), run=lambda module, x: module(x) * kept / (1 - p),
               probability=torch.tensor([p]))

if __name__ == "__main__":
    dump.main()
