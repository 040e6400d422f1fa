#!/usr/bin/env python3
"""Embeddings: one position a row, several, with padding, and a table with more rows than are named."""

import torch

from dump import Dump

dump = Dump("embedding")


def flat(module, indices):
    return module(indices).flatten(1)


def layer(name, count, size, rows, positions, padding=None):
    module = torch.nn.Embedding(count, size, padding_idx=padding)
    dump.layer(name, module, torch.randint(count, (rows, positions)), run=flat)


layer("one", 5, 7, 33, 1)
layer("several", 11, 4, 9, 6)
layer("sparse", 200, 3, 4, 2)
layer("padding", 4, 9, 17, 3, padding=2)

if __name__ == "__main__":
    dump.main()
