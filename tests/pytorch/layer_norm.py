#!/usr/bin/env python3
"""Layer normalisation: the layer, and the gradients of <dy, y> + <u, directional derivative> by double backward."""

import torch

from dump import Dump

dump = Dump("layer_norm")


def norm(size):
    module = torch.nn.LayerNorm(size)
    with torch.no_grad():
        module.weight.normal_()
        module.bias.normal_()
    return module


dump.layer("hidden", norm(64), torch.randn(8, 64))
dump.layer("odd", norm(37), 3 * torch.randn(11, 37) + 2)
dump.layer("groups", norm(7), torch.randn(5, 3, 7))
dump.layer("one_row", norm(5), torch.randn(1, 5))
dump.layer("offset", norm(33), torch.randn(6, 33) + 100)


def composed(x, weight, bias):
    """torch's layer_norm has a forward derivative whose own backward pass leaves out how mean and deviation change, so
    the second derivatives come from the formula."""
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    y = (x - mean) / (variance + 1e-5).sqrt() * weight + bias
    torch.testing.assert_close(torch.nn.functional.layer_norm(x, (x.shape[-1],), weight, bias), y)
    return y


def tangents(name, size, *shape):
    x, x_tangent = torch.randn(*shape, size, requires_grad=True), torch.randn(*shape, size, requires_grad=True)
    weight, bias = torch.randn(size, requires_grad=True), torch.randn(size, requires_grad=True)
    weight_tangent, bias_tangent = torch.randn(size), torch.randn(size)
    y_gradient, u = torch.randn(*shape, size), torch.randn(*shape, size)
    y = composed(x, weight, bias)
    # The directional derivative by the backward pass of the backward pass.
    v = torch.zeros_like(y, requires_grad=True)
    transposed = torch.autograd.grad(y, (x, weight, bias), v, create_graph=True)
    (y_tangent,) = torch.autograd.grad(transposed, v, (x_tangent, weight_tangent, bias_tangent), create_graph=True)
    both = (y_gradient * y).sum() + (u * y_tangent).sum()
    dx, dx_tangent, dw, db = torch.autograd.grad(both, (x, x_tangent, weight, bias))
    dump.case(name, x=x, x_tangent=x_tangent, weight=weight, bias=bias, weight_tangent=weight_tangent,
              bias_tangent=bias_tangent, y_gradient=y_gradient, u=u, y_tangent=y_tangent, dx=dx,
              dx_tangent=dx_tangent, dw=dw, db=db)


tangents("tangents", 19, 6)
tangents("tangents_of_groups", 6, 4, 3)

if __name__ == "__main__":
    dump.main()
