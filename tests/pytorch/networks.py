#!/usr/bin/env python3
"""Whole networks: output, every gradient and ten optimizer steps on one batch.

Tensors of a case: inputs ("x", ...), targets, tensor.NAME (initial values; NAME as in mynah's graph), output, x.grad,
grad.NAME of the first step, losses [10], step10.NAME, and step10.NAME of constants that change (running statistics).

Weights and batches are float32; torch computes from them in double, and the results are rounded once, so that ten steps are
compared with what is true and not with what another order of sums makes of it.

Optimizers add eps >= 1e-5 to the root of the second moment, as PPO implementations do, and 1e-3 in the GAN: with torch's
default, 1e-8, a gradient that is zero but for rounding moves its weight by a whole learning rate, in any program.
"""

import pathlib
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from dump import Dump

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
from mynah_random import philox  # noqa: E402

STEPS, LAYER, SEED = 10, 8, 5
dump = Dump("networks", seed=3)


class GivenDropout(nn.Module):
    """Dropout with the mask that mynah draws in node `node` of its graph at optimizer step `step`."""

    def __init__(self, p, node):
        super().__init__()
        self.p, self.node, self.step = p, node, 0

    def forward(self, x):
        words = philox(SEED, LAYER | (self.node << 8), self.step, numpy.arange((x.numel() + 3) // 4)).reshape(-1)
        unit = (words[: x.numel()] >> numpy.uint32(8)).astype(numpy.float32) / numpy.float32(2**24)
        kept = torch.from_numpy((unit >= numpy.float32(self.p)).astype(numpy.float32).reshape(tuple(x.shape)))
        return x * kept / (1 - self.p)


def train(name, module, optimizer, loss_of, frozen=(), **batch):
    """loss_of(x) -> (loss, outputs by name); batch has "x" and targets."""
    tensors = dict(batch)
    state = {key: value for key, value in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    tensors.update({f"tensor.{key}": value.clone() for key, value in state.items()})
    module.double()
    losses = []
    for step in range(STEPS):
        for part in module.modules():
            if isinstance(part, GivenDropout):
                part.step = step
        x = batch["x"].double().requires_grad_(True)
        optimizer.zero_grad()
        loss, outputs = loss_of(x)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            tensors.update({key: value.detach().float() for key, value in outputs.items()})
            tensors["x.grad"] = x.grad.float()
            tensors.update({f"grad.{key}": value.grad.float() for key, value in module.named_parameters()
                            if not key.startswith(tuple(frozen) or "-")})
        optimizer.step()
    tensors["losses"] = torch.tensor(losses)
    tensors.update({f"step{STEPS}.{key}": value.float() for key, value in module.state_dict().items()
                    if not key.endswith("num_batches_tracked")})
    dump.case(name, **tensors)


def mlp():
    module = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.LayerNorm(32), GivenDropout(0.25, 3), nn.Linear(32, 24), nn.Tanh(),
                           nn.LayerNorm(24), GivenDropout(0.1, 6), nn.Linear(24, 5))
    x, target = torch.randn(19, 13), torch.randn(19, 5)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, eps=1e-5, weight_decay=0.01)

    def loss(x):
        output = module(x)
        return F.mse_loss(output, target.double()), {"output": output}

    train("mlp", module, optimizer, loss, x=x, target=target)


def discriminator():
    return nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16),
                         nn.LeakyReLU(0.2), nn.Conv2d(16, 1, 7))


def generator():
    return nn.Sequential(nn.ConvTranspose2d(16, 16, 7, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                         nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh())


def dcgan():
    critic = discriminator()
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999), eps=1e-3)
    images, real = torch.tanh(torch.randn(6, 1, 28, 28)), (torch.arange(6) % 2).float().reshape(6, 1)

    def critic_loss(x):
        output = critic(x).flatten(1)
        return F.binary_cross_entropy_with_logits(output, real.double()), {"output": output}

    train("dcgan_discriminator", critic, optimizer, critic_loss, x=images, target=real)

    both = nn.ModuleDict({"g": generator(), "d": discriminator()})
    for parameter in both.d.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.RMSprop(both.g.parameters(), lr=1e-3, eps=1e-3)
    noise, real = torch.randn(5, 16, 1, 1), torch.ones(5, 1)

    def generator_loss(x):
        image = both.g(x)
        output = both.d(image).flatten(1)
        return F.binary_cross_entropy_with_logits(output, real.double()), {"output": output, "image": image}

    train("dcgan_generator", both, optimizer, generator_loss, frozen=["d."], x=noise, target=real)


class GruPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 12, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


def gru():
    module = GruPolicy()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    x, target = torch.randn(9, 20, 6), torch.randint(4, (9,))

    def loss(x):
        output = module(x)
        return F.cross_entropy(output, target), {"output": output}

    train("gru_policy", module, optimizer, loss, x=x, target=target)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(8, 24)
        self.policy = nn.Linear(24, 3)
        self.value = nn.Linear(24, 1)

    def forward(self, x):
        hidden = torch.tanh(self.trunk(x))
        return self.policy(hidden), self.value(hidden)


def actor_critic():
    module = ActorCritic()
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3, eps=1e-5)
    x, labels, returns = torch.randn(21, 8), torch.randint(3, (21,)), torch.randn(21, 1)

    def loss(x):
        logits, value = module(x)
        return F.cross_entropy(logits, labels) + F.mse_loss(value, returns.double()), {"policy": logits, "value": value}

    train("actor_critic", module, optimizer, loss, x=x, labels=labels, returns=returns)


mlp()
dcgan()
gru()
actor_critic()

if __name__ == "__main__":
    dump.main()
