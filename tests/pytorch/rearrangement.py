#!/usr/bin/env python3
"""Layers that move values about: concatenation, slice, reshape, trained columns."""

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


class ParameterColumns(torch.nn.Module):
    def __init__(self, count):
        super().__init__()
        self.value = torch.nn.Parameter(torch.randn(count))

    def forward(self, x):
        return torch.cat([x, self.value.expand(x.shape[0], -1)], dim=1)


dump.layer("concatenation", Concatenation(), torch.randn(4, 3), torch.randn(4, 1), torch.randn(4, 6))
dump.layer("slice", Slice(), torch.randn(3, 11))
dump.layer("reshape", Reshape(), torch.randn(2, 12))
dump.layer("parameter_columns", ParameterColumns(2), torch.randn(4, 3))

if __name__ == "__main__":
    dump.main()
