#!/usr/bin/env python3
"""The sum layer."""

import torch

from dump import Dump

dump = Dump("elementwise")
dump.layer("sum", torch.nn.Identity(), torch.randn(7, 11), torch.randn(7, 11), torch.randn(7, 11),
           run=lambda _, a, b, c: a + b + c)

if __name__ == "__main__":
    dump.main()
