#!/usr/bin/env python3
"""Layers that move values about: concatenation, slice, reshape."""

import torch

from dump import Dump

dump = Dump("rearrangement")


class Concatenation(torch.nn.Module):
    def forward(self, *inputs):
        return torch.cat(inputs, dim=1)


class Slice(torch.nn.Module):
    def forward(self, x):
        return x[:, 3:8]


class Reshape(torch.nn.Module):
    def forward(self, x):
        return x.reshape(-1, 2, 3, 2)


dump.layer("concatenation", Concatenation(), torch.randn(4, 3), torch.randn(4, 1), torch.randn(4, 6))
dump.layer("slice", Slice(), torch.randn(3, 11))
dump.layer("reshape", Reshape(), torch.randn(2, 12))

if __name__ == "__main__":
    dump.main()
