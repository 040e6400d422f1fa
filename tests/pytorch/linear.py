#!/usr/bin/env python3
"""Linear layers, by themselves and with an activation behind them; and the same in tf32 and bfloat16, where the factors
of the products are rounded, to nearest, ties to even, and multiplied in float32."""

import torch

from dump import Dump
from precision import PRECISIONS

dump = Dump("linear")


def activated(function):
    return lambda module, x: function(module(x))


class RoundedLinear(torch.autograd.Function):
    """x wᵀ + b with rounded factors in all three products; the gradient of b is a sum, not a product."""

    @staticmethod
    def forward(context, x, w, b, rounded):
        context.save_for_backward(rounded(x), rounded(w))
        context.rounded = rounded
        return rounded(x) @ rounded(w).T + b

    @staticmethod
    def backward(context, gradient):
        x, w = context.saved_tensors
        rounded = context.rounded(gradient)
        return rounded @ w, rounded.T @ x, gradient.sum(0), None


def in_precision(rounded, function=lambda x: x):
    return lambda module, x: function(RoundedLinear.apply(x, module.weight, module.bias, rounded))


dump.layer("plain", torch.nn.Linear(17, 9), torch.randn(33, 17))
dump.layer("gelu", torch.nn.Linear(5, 31), torch.randn(8, 5), run=activated(torch.nn.functional.gelu))
dump.layer("relu", torch.nn.Linear(11, 6), torch.randn(1, 11), run=activated(torch.relu))
for precision, rounded in PRECISIONS.items():
    # One large enough for tensor cores in all three products, two for dot products in the forward pass.
    dump.layer(f"{precision}_plain", torch.nn.Linear(9, 45), torch.randn(47, 9), run=in_precision(rounded))
    dump.layer(f"{precision}_relu", torch.nn.Linear(17, 9), torch.randn(33, 17), run=in_precision(rounded, torch.relu))
    dump.layer(f"{precision}_gelu", torch.nn.Linear(5, 31), torch.randn(8, 5),
               run=in_precision(rounded, torch.nn.functional.gelu))

if __name__ == "__main__":
    dump.main()
