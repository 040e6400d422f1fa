#!/usr/bin/env python3
"""Weight 10, target norm 1: the penalty of given gradients (its sum over rows) and its derivative."""

import torch

from dump import Dump

dump = Dump("gradient_penalty")
gradient = torch.randn(9, 21, requires_grad=True)
penalty = 10 * (gradient.norm(dim=1) - 1).square().mean()
penalty.backward()
dump.case("penalty", gradient=gradient, sum=(9 * penalty).reshape(1), direction=gradient.grad)

if __name__ == "__main__":
    dump.main()
