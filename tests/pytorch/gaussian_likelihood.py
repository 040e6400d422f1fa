#!/usr/bin/env python3
"""torch.nn.GaussianNLLLoss as a function of mean and log-variance: its variance is the exponential, by the chain rule."""

import torch

from dump import Dump, add_loss

dump = Dump("gaussian_likelihood")


def case(name, full=False, weights=None, spread=1.0):
    target = torch.randn(9, 13)
    each = torch.nn.GaussianNLLLoss(full=full, reduction="none")

    def loss(mean, log_variance):
        elements = each(mean, target, log_variance.exp())
        return (elements if weights is None else elements * weights[:, None]).mean()

    pairs = [("mean", torch.randn(9, 13)), ("log_variance", spread * torch.randn(9, 13))]
    add_loss(dump, name, loss, pairs, target=target, weights=weights)


case("plain")
case("full", full=True)
case("weighted", weights=torch.rand(9))
case("wide", spread=4.0)

if __name__ == "__main__":
    dump.main()
