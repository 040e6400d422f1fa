#!/usr/bin/env python3
"""Properties of torch.nn.init's random values: quantiles and moments of a truncated normal, what orthogonal means."""

import torch

from dump import Dump

dump = Dump("initialization")

# Quantiles of the normal distribution between two deviations, in double, for words that a float32 holds.
words = torch.cat([torch.tensor([0, 256, 2**31, 2**32 - 256]), 256 * torch.randint(0, 2**24, (60,))]).double()
standard = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
low, high = standard.cdf(torch.tensor([-2.0, 2.0], dtype=torch.float64))
quantiles = standard.icdf(low + (words + 0.5) / 2**32 * (high - low))
dump.case("truncated_normal_quantiles", words=words.float(), quantiles=quantiles.float())

# Its second and fourth moment, by the midpoint rule, which PyTorch's own numbers have as well.
z = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 250_000 - 2
density = torch.exp(-z * z / 2)
second, fourth = [((z**power * density).sum() / density.sum()).float().reshape(1) for power in (2, 4)]
drawn = torch.nn.init.trunc_normal_(torch.empty(400_000), a=-2.0, b=2.0)
assert abs(drawn.square().mean().item() - second.item()) < 5e-3
dump.case("truncated_normal_moments", second_moment=second, fourth_moment=fourth)

for name, shape, gain in (("tall", (33, 17), 1.5), ("wide", (7, 65), 1.0), ("square", (16, 16), 2**0.5),
                          ("row", (1, 9), 1.0)):
    matrix = torch.nn.init.orthogonal_(torch.empty(shape), gain)
    gram = matrix @ matrix.T if shape[0] < shape[1] else matrix.T @ matrix
    dump.case(f"orthogonal_{name}", matrix=matrix, gram=gram, gain=torch.tensor([gain]))

if __name__ == "__main__":
    dump.main()
