#!/usr/bin/env python3
"""Batch normalisation in both modes, with the running statistics after; and second derivatives in training."""

import torch

from dump import Dump

dump = Dump("batch_norm")


def norm(module, mode):
    with torch.no_grad():
        for tensor in (module.weight, module.bias, module.running_mean):
            tensor.normal_()
        module.running_var.uniform_(0.5, 2.0)
    return module.train(mode == "train")


def layer(name, module, x):
    dump.layer(name, norm(module, name.split("_")[0]), x, rename={"num_batches_tracked": None})


layer("train_1d", torch.nn.BatchNorm1d(13), 2 * torch.randn(9, 13) + 1)
layer("train_2d", torch.nn.BatchNorm2d(5), torch.randn(4, 5, 3, 7))
layer("train_three_rows", torch.nn.BatchNorm1d(6), torch.randn(3, 6))
layer("train_one_image", torch.nn.BatchNorm2d(3), torch.randn(1, 3, 4, 4))
layer("evaluate_1d", torch.nn.BatchNorm1d(13), torch.randn(9, 13))
layer("evaluate_2d", torch.nn.BatchNorm2d(5), torch.randn(4, 5, 3, 7))
layer("evaluate_one_row", torch.nn.BatchNorm1d(6), torch.randn(1, 6))


def tangents(name, channels, *shape):
    x, x_tangent = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    weight, bias = torch.randn(channels, requires_grad=True), torch.randn(channels, requires_grad=True)
    weight_tangent, bias_tangent = torch.randn(channels), torch.randn(channels)
    y_gradient, u = torch.randn(shape), torch.randn(shape)
    # From the formula: what torch's forward derivative is differentiated to is not to be relied upon (layer_norm.py).
    over = [0] + list(range(2, x.dim()))
    wide = [1, channels] + [1] * (x.dim() - 2)
    mean, variance = x.mean(over, keepdim=True), x.var(over, unbiased=False, keepdim=True)
    y = (x - mean) / (variance + 1e-5).sqrt() * weight.view(wide) + bias.view(wide)
    torch.testing.assert_close(torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True), y)
    # The directional derivative by the backward pass of the backward pass.
    v = torch.zeros_like(y, requires_grad=True)
    transposed = torch.autograd.grad(y, (x, weight, bias), v, create_graph=True)
    (y_tangent,) = torch.autograd.grad(transposed, v, (x_tangent, weight_tangent, bias_tangent), create_graph=True)
    both = (y_gradient * y).sum() + (u * y_tangent).sum()
    dx, dx_tangent, dw, db = torch.autograd.grad(both, (x, x_tangent, weight, bias))
    dump.case(name, x=x, x_tangent=x_tangent, weight=weight, bias=bias, weight_tangent=weight_tangent,
              bias_tangent=bias_tangent, y_gradient=y_gradient, u=u, y_tangent=y_tangent, dx=dx,
              dx_tangent=dx_tangent, dw=dw, db=db)


tangents("tangents_1d", 4, 11, 4)
tangents("tangents_2d", 3, 4, 3, 2, 5)

if __name__ == "__main__":
    dump.main()
