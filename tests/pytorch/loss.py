#!/usr/bin/env python3
"""Elementwise losses: value times rows, gradient, and the Hessian times a direction by PyTorch's double backward."""

import torch
from torch.nn import functional

from dump import Dump, add_loss

dump = Dump("loss")


def case(name, loss, targets, weights=None, prediction=None):
    prediction = 2 * torch.randn(9, 13) if prediction is None else prediction
    add_loss(dump, name, lambda p: loss(p, targets), [("prediction", prediction)], target=targets, weights=weights)


normal = torch.randn(9, 13)
probabilities = torch.rand(9, 13)
signs = torch.sign(torch.randn(9, 13))
weights = torch.rand(9)
weighted = weights[:, None].expand(9, 13)
case("mse", torch.nn.MSELoss(), normal)
case("mse_weighted", lambda p, t: ((p - t) ** 2 * weighted).mean(), normal, weights)
case("l1", torch.nn.L1Loss(), normal)
case("huber", torch.nn.HuberLoss(), normal)
case("huber_delta", torch.nn.HuberLoss(delta=0.3), normal)
case("binary_cross_entropy", torch.nn.BCEWithLogitsLoss(), probabilities)
case("binary_cross_entropy_positive_weight", torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5)), probabilities)
case("binary_cross_entropy_weighted", torch.nn.BCEWithLogitsLoss(weight=weighted), probabilities, weights)
extremes = torch.tensor([[-1e4, -100.0, -30.0, -1e-20, 0.0, 1e-20, 30.0, 100.0, 1e4]]).expand(3, 9)
case("binary_cross_entropy_extremes", torch.nn.BCEWithLogitsLoss(),
     torch.tensor([[0.0], [1.0], [0.25]]).expand(3, 9), prediction=extremes)
case("hinge", lambda p, t: functional.relu(1 - t * p).mean(), signs)
case("wasserstein", lambda p, t: (t * p).mean(), signs)

if __name__ == "__main__":
    dump.main()
