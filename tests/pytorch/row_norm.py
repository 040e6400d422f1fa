#!/usr/bin/env python3
"""Norms of rows, by autograd."""

import torch

from dump import Dump

dump = Dump("row_norm")

g = torch.randn(12, 23, requires_grad=True)
norms, norm_gradient = torch.linalg.vector_norm(g, dim=1), torch.randn(12)
(dx,) = torch.autograd.grad(norms, g, norm_gradient, retain_graph=True)
dump.case("row_norms", x=g, norms=norms, norm_gradient=norm_gradient, dx=dx)

if __name__ == "__main__":
    dump.main()
