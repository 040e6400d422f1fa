#!/usr/bin/env python3
"""Norms of rows, and a gradient penalty on them, by autograd."""

import torch

from dump import Dump

dump = Dump("row_norm")

g = torch.randn(12, 23, requires_grad=True)
norms, norm_gradient = torch.linalg.vector_norm(g, dim=1), torch.randn(12)
(dx,) = torch.autograd.grad(norms, g, norm_gradient, retain_graph=True)
penalty = 10.0 * (norms - 1.0).square().mean()
(penalty_gradient,) = torch.autograd.grad(penalty, g)
dump.case("row_norms", x=g, norms=norms, norm_gradient=norm_gradient, dx=dx, penalty=penalty.reshape(1),
          penalty_gradient=penalty_gradient)

if __name__ == "__main__":
    dump.main()
