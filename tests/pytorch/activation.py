#!/usr/bin/env python3
"""Activations: value, gradient, and the gradients of <dy, f(x)> + <u, f'(x) tangent> by PyTorch's double backward."""

import torch

from dump import Dump

dump = Dump("activation")
functions = {
    "relu": torch.nn.ReLU(),
    "leaky_relu": torch.nn.LeakyReLU(),
    "tanh": torch.nn.Tanh(),
    "sigmoid": torch.nn.Sigmoid(),
    "elu": torch.nn.ELU(),
    "gelu": torch.nn.GELU(),
    "silu": torch.nn.SiLU(),
    "softplus": torch.nn.Softplus(),
}
for name, function in functions.items():
    x = (3 * torch.randn(9, 13)).requires_grad_(True)
    tangent = torch.randn(9, 13, requires_grad=True)
    dy, u = torch.randn(9, 13), torch.randn(9, 13)
    y = function(x)
    (slope,) = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)
    both = (dy * y).sum() + (u * slope * tangent).sum()
    (dx,) = torch.autograd.grad(y, x, dy, retain_graph=True)
    tangent_dx, tangent_dtangent = torch.autograd.grad(both, (x, tangent))
    dump.case(name, x=x, y=y, dy=dy, dx=dx, u=u, tangent=tangent, tangent_dx=tangent_dx,
              tangent_dtangent=tangent_dtangent)
    dump.layer(f"{name}_layer", function, torch.randn(5, 7))

if __name__ == "__main__":
    dump.main()
