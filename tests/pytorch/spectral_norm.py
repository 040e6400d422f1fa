#!/usr/bin/env python3
"""Linear layers with a spectrally normalised weight, with u and v after; and second derivatives of a weight."""

import torch
from torch.nn.utils.parametrizations import spectral_norm

from dump import Dump

dump = Dump("spectral_norm")
names = {
    "parametrizations.weight.original": "weight",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}


def layer(name, module, x, registered=False, iterations=1, run=None):
    module = spectral_norm(module, n_power_iterations=iterations)
    if not registered:  # torch begins with 15 iterations; vectors that are far from those show more
        for vector in (module.parametrizations.weight[0]._u, module.parametrizations.weight[0]._v):
            vector.copy_(torch.nn.functional.normalize(torch.randn_like(vector), dim=0))
    module.train(name.startswith("train"))
    dump.layer(name, module, x, rename=names, run=run)


layer("train", torch.nn.Linear(17, 9), torch.randn(12, 17))
layer("train_three_iterations", torch.nn.Linear(6, 31), torch.randn(5, 6), iterations=3)
layer("train_registered", torch.nn.Linear(8, 8), torch.randn(7, 8), registered=True,
      run=lambda module, x: torch.nn.functional.leaky_relu(module(x)))
layer("train_one_output", torch.nn.Linear(33, 1), torch.randn(4, 33))
layer("evaluate", torch.nn.Linear(11, 6), torch.randn(1, 11), registered=True)

w = torch.randn(8, 3, 3, 3, requires_grad=True)
w_tangent, gradient, tangent_gradient = (torch.randn_like(w) for _ in range(3))
u, v = torch.randn(8), torch.randn(27)
for _ in range(2):
    u = torch.nn.functional.normalize(w.detach().flatten(1) @ v, dim=0)
    v = torch.nn.functional.normalize(w.detach().flatten(1).T @ u, dim=0)
normalized = w / torch.dot(u, w.flatten(1) @ v)
(dw,) = torch.autograd.grad(normalized, w, gradient, retain_graph=True)
# The directional derivative by the backward pass of the backward pass.
probe = torch.zeros_like(normalized, requires_grad=True)
(transposed,) = torch.autograd.grad(normalized, w, probe, create_graph=True)
(normalized_tangent,) = torch.autograd.grad(transposed, probe, w_tangent, create_graph=True)
both = (gradient * normalized).sum() + (tangent_gradient * normalized_tangent).sum()
(tangent_dw,) = torch.autograd.grad(both, w)
dump.case("convolution", w=w, w_tangent=w_tangent, u=u, v=v, normalized=normalized, gradient=gradient, dw=dw,
          normalized_tangent=normalized_tangent, tangent_gradient=tangent_gradient, tangent_dw=tangent_dw)

if __name__ == "__main__":
    dump.main()
