#!/usr/bin/env python3
"""Ten steps of torch.optim's optimizers, clipping, averages of weights and schedules of the learning rate."""

import torch

from dump import Dump

dump = Dump("optimizer")
n, steps = 37, 10


def ten_steps(name, make, rate, max_norm=None):
    # Three tensors, so that a norm over all of them is not that of one.
    sizes = (5, 31, 1)
    initial, gradients = torch.randn(n), torch.randn(steps, n) * torch.linspace(0.2, 3, steps)[:, None]
    tensors = [part.clone().requires_grad_(True) for part in initial.split(sizes)]
    optimizer, after, norm = make(tensors), [], None
    for gradient in gradients:
        for tensor, part in zip(tensors, gradient.split(sizes)):
            tensor.grad = part.clone()
        if max_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
        optimizer.step()
        after.append(torch.cat([tensor.detach().clone() for tensor in tensors]))
    dump.case(name, initial=initial, gradients=gradients, after=torch.stack(after), learning_rate=torch.tensor([rate]),
              max_norm=None if max_norm is None else torch.tensor([max_norm]),
              last_norm=None if norm is None else norm.reshape(1))


optim = torch.optim
ten_steps("adam", lambda p: optim.Adam(p, lr=0.01), 0.01)
ten_steps("adam_decay", lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1), 0.01)
ten_steps("adamw", lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1), 0.01)
ten_steps("adam_clipped", lambda p: optim.Adam(p, lr=0.01), 0.01, max_norm=4.0)
ten_steps("sgd", lambda p: optim.SGD(p, lr=0.05), 0.05)
ten_steps("sgd_momentum", lambda p: optim.SGD(p, lr=0.05, momentum=0.9), 0.05)
ten_steps("sgd_nesterov_decay", lambda p: optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.1, nesterov=True), 0.05)
ten_steps("sgd_clipped", lambda p: optim.SGD(p, lr=0.05, momentum=0.9), 0.05, max_norm=4.0)
ten_steps("rmsprop", lambda p: optim.RMSprop(p, lr=0.01), 0.01)
ten_steps("rmsprop_momentum_decay",
          lambda p: optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-6, momentum=0.8, weight_decay=0.1), 0.01)
ten_steps("rmsprop_centered_momentum",
          lambda p: optim.RMSprop(p, lr=0.01, alpha=0.95, eps=1e-4, momentum=0.5, centered=True), 0.01)


class Weights(torch.nn.Module):
    def __init__(self, values):
        super().__init__()
        self.values = torch.nn.Parameter(values)


swa = torch.optim.swa_utils
values, averages = torch.randn(steps, n), []
weights = Weights(torch.randn(n))
averaged = swa.AveragedModel(weights, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
for one in values:
    weights.values.data.copy_(one)
    averaged.update_parameters(weights)
    averages.append(averaged.module.values.detach().clone())
dump.case("ema", values=values, averages=torch.stack(averages))


def schedule(name, count, make, base=0.3):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler, rates = make(optimizer), []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    dump.case(name, rates=torch.tensor(rates, dtype=torch.float64).float(), learning_rate=torch.tensor([base]))


lr = torch.optim.lr_scheduler


def warmed(optimizer, steps, after):
    warmup = lr.LinearLR(optimizer, start_factor=1 / (steps + 1), end_factor=1, total_iters=steps)
    return lr.SequentialLR(optimizer, [warmup, after], [steps])


schedule("schedule_constant_warmup", 12, lambda o: lr.LambdaLR(o, lambda s: min(1.0, (s + 1) / 6)))
schedule("schedule_linear", 26, lambda o: lr.LinearLR(o, 1.0, 0.1, 20))
schedule("schedule_cosine", 21, lambda o: lr.CosineAnnealingLR(o, 20, eta_min=0.05 * 0.3))
schedule("schedule_linear_warmup", 30, lambda o: warmed(o, 4, lr.LinearLR(o, 1.0, 0.25, 20)))
schedule("schedule_cosine_warmup", 24, lambda o: warmed(o, 4, lr.CosineAnnealingLR(o, 20)))

if __name__ == "__main__":
    dump.main()
