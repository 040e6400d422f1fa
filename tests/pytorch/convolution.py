#!/usr/bin/env python3
"""Two-dimensional convolutions and transposed ones; `geometry` tells their numbers, see tests/operations/convolution.cpp.
Some also in tf32 and bfloat16, where the factors of the products are rounded and multiplied in float32."""

import torch

from dump import Dump
from precision import PRECISIONS

dump = Dump("convolution")

# In the order of kernels::Activation::Kind.
ACTIVATIONS = {"none": 0, "relu": 1, "tanh": 3, "gelu": 6}
FUNCTIONS = {"none": lambda x: x, "relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu}


class RoundedConv(torch.autograd.Function):
    """A convolution, or a transposed one, with rounded factors in all three products; the bias's gradient is a sum."""

    @staticmethod
    def forward(context, x, w, b, module, rounded):
        context.module, context.rounded = module, rounded
        context.save_for_backward(rounded(x), rounded(w))
        return RoundedConv.product(module, rounded(x), rounded(w)) + b.view(-1, 1, 1)

    @staticmethod
    def product(module, x, w):
        common = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation, "groups": module.groups}
        if module.transposed:
            return torch.nn.functional.conv_transpose2d(x, w, output_padding=module.output_padding, **common)
        return torch.nn.functional.conv2d(x, w, **common)

    @staticmethod
    def backward(context, gradient):
        x, w = (factor.detach().requires_grad_() for factor in context.saved_tensors)
        with torch.enable_grad():
            y = RoundedConv.product(context.module, x, w)
        dx, dw = torch.autograd.grad(y, (x, w), context.rounded(gradient))
        return dx, dw, gradient.sum((0, 2, 3)), None, None


def layer(name, module, x, activation="none", rounded=None):
    output_padding = getattr(module, "output_padding", (0, 0))
    geometry = [*module.stride, *module.padding, *module.dilation, module.groups, *output_padding]
    geometry = torch.tensor([*geometry, ACTIVATIONS[activation]], dtype=torch.float32)
    run = None if activation == "none" else lambda m, y: FUNCTIONS[activation](m(y))
    if rounded is not None:
        run = lambda m, y: FUNCTIONS[activation](RoundedConv.apply(y, m.weight, m.bias, m, rounded))
    dump.layer(name, module, x, run=run, geometry=geometry)


conv, transposed = torch.nn.Conv2d, torch.nn.ConvTranspose2d
layer("conv plain", conv(3, 4, 3), torch.randn(2, 3, 6, 7))
layer("conv strided", conv(2, 6, 4, stride=2, padding=1), torch.randn(3, 2, 8, 8), "relu")
layer("conv dilated", conv(2, 3, 3, stride=3, padding=3, dilation=2), torch.randn(2, 2, 9, 10), "gelu")
layer("conv groups", conv(4, 6, 3, padding=1, groups=2, bias=False), torch.randn(2, 4, 5, 6))
layer("conv depthwise", conv(5, 10, 3, stride=2, padding=1, groups=5), torch.randn(2, 5, 7, 6))
layer("conv product", conv(4, 3, (5, 4)), torch.randn(6, 4, 5, 4), "tanh")
layer("conv one pixel", conv(3, 5, 1), torch.randn(1, 3, 4, 5))
layer("conv not square", conv(2, 3, (2, 5), stride=(3, 2), padding=(1, 2), dilation=(2, 1)), torch.randn(2, 2, 9, 7))
layer("transposed plain", transposed(3, 4, 3), torch.randn(2, 3, 5, 4))
layer("transposed strided", transposed(6, 2, 4, stride=2, padding=1), torch.randn(3, 6, 4, 4), "relu")
layer("transposed dilated", transposed(3, 2, 3, stride=3, padding=2, dilation=2), torch.randn(2, 3, 4, 3), "gelu")
layer("transposed groups", transposed(4, 6, 3, padding=1, groups=2, bias=False), torch.randn(2, 4, 5, 6))
layer("transposed depthwise", transposed(5, 10, 3, stride=2, padding=1, groups=5), torch.randn(2, 5, 4, 3))
layer(
    "transposed output padding",
    transposed(2, 3, 3, stride=(1, 2), padding=1, dilation=(3, 1), output_padding=(2, 1)),
    torch.randn(2, 2, 4, 5),
)
layer("transposed product", transposed(4, 3, (5, 4)), torch.randn(6, 4, 1, 1), "tanh")
layer("transposed not square", transposed(2, 3, (2, 5), stride=(3, 2), padding=(1, 2)), torch.randn(2, 2, 4, 3))

for precision, rounded in PRECISIONS.items():
    layer(f"{precision} conv strided", conv(2, 6, 4, stride=2, padding=1), torch.randn(3, 2, 8, 8), "relu", rounded)
    layer(f"{precision} conv groups", conv(4, 6, 3, padding=1, groups=2), torch.randn(2, 4, 5, 6), "none", rounded)
    layer(f"{precision} transposed strided", transposed(6, 2, 4, stride=2, padding=1), torch.randn(3, 6, 4, 4), "tanh",
          rounded)
    layer(f"{precision} transposed product", transposed(4, 3, (5, 4)), torch.randn(6, 4, 1, 1), "none", rounded)

if __name__ == "__main__":
    dump.main()
