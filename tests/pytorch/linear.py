#!/usr/bin/env python3
"""Linear layers, by themselves and with an activation behind them."""

import torch

from dump import Dump

dump = Dump("linear")


def activated(function):
    return lambda module, x: function(module(x))


dump.layer("plain", torch.nn.Linear(17, 9), torch.randn(33, 17))
dump.layer("gelu", torch.nn.Linear(5, 31), torch.randn(8, 5), run=activated(torch.nn.functional.gelu))
dump.layer("relu", torch.nn.Linear(11, 6), torch.randn(1, 11), run=activated(torch.relu))

if __name__ == "__main__":
    dump.main()
