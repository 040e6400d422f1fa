#!/usr/bin/env python3
"""Small perceptrons trained for an epoch. Parameters are flat, w [outputs, inputs] and b [outputs] of each layer."""

import torch
from torch.nn.utils import parameters_to_vector

from dump import Dump

dump = Dump("mlp_training")
ROWS, BATCH = 45, 10
x, order = torch.randn(ROWS, 6), torch.randperm(ROWS)


def train(name, activation, optimizer, loss, target):
    """The loss of an epoch is the sum over its batches of rows times loss."""
    network = torch.nn.Sequential(torch.nn.Linear(6, 18), activation(), torch.nn.Linear(18, 11), activation(), torch.nn.Linear(11, 4))
    initial = parameters_to_vector(network.parameters()).detach().clone()
    steps, total = optimizer(network.parameters()), 0.0
    for rows in order.split(BATCH):
        steps.zero_grad()
        value = loss(network(x[rows]), target[rows])
        value.backward()
        steps.step()
        total += value.item() * len(rows)
    dump.case(name, x=x, order=order, target=target, initial=initial, trained=parameters_to_vector(network.parameters()),
              loss=torch.tensor([total]))


train("adamw", torch.nn.Tanh, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, eps=1e-5), torch.nn.MSELoss(), torch.randn(ROWS, 4))
train("sgd", torch.nn.SiLU, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True),
      torch.nn.CrossEntropyLoss(), torch.randint(4, (ROWS,)))

if __name__ == "__main__":
    dump.main()
