#!/usr/bin/env python3
"""(x - mean) / deviation per column, and back."""

import torch

from dump import Dump


class Moments(torch.nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.register_buffer("mean", torch.randn(columns))
        self.register_buffer("deviation", torch.rand(columns) + 0.3)


dump = Dump("standardization")
dump.layer("standardize", Moments(13), torch.randn(9, 13), run=lambda m, x: (x - m.mean) / m.deviation)
dump.layer("unstandardize", Moments(13), torch.randn(9, 13), run=lambda m, x: x * m.deviation + m.mean)

if __name__ == "__main__":
    dump.main()
