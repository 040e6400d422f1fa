#!/usr/bin/env python3
"""torch.distributions.MixtureSameFamily of diagonal normal distributions, as a function of one matrix of parameters."""

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from dump import Dump, add_loss

dump = Dump("mixture_likelihood")


def distribution(prediction, components, columns, log_scale):
    rows = prediction.shape[0]
    logits = torch.zeros(rows, 1) if components == 1 else prediction[:, :components]
    means, log_deviations = prediction[:, prediction.shape[1] - 2 * components * columns :].chunk(2, dim=1)
    means = means.reshape(rows, components, columns)
    deviations = (log_deviations.reshape(rows, components, columns) + log_scale).exp()
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(means, deviations), 1))


def case(name, components, columns=3, rows=7, weights=None, log_scale=None, spread=1.0):
    target = torch.randn(rows, columns)
    width = (0 if components == 1 else components) + 2 * components * columns
    scale = torch.zeros(columns) if log_scale is None else log_scale

    def loss(prediction):
        likelihoods = -distribution(prediction, components, columns, scale).log_prob(target)
        return (likelihoods if weights is None else likelihoods * weights).mean()

    more = {"target": target, "weights": weights, "log_scale": log_scale, "components": torch.tensor([float(components)])}
    add_loss(dump, name, loss, [("prediction", spread * torch.randn(rows, width))], **more)


case("single", 1)
case("five", 5)
case("weighted", 4, weights=torch.rand(7))
case("scaled", 5, log_scale=torch.randn(3))
case("wide", 9, columns=2, spread=2.0)

if __name__ == "__main__":
    dump.main()
