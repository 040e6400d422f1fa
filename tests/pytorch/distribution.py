#!/usr/bin/env python3
"""Distributions of stochastic policies, as torch.distributions has them: diagonal Gaussian, squashed Gaussian, categorical.

Inputs are float32; torch computes from them in double, and the results are rounded once, so that extreme parameters are
compared with what is true and not with what float32 makes of it. Draws are mynah's, from an independent Philox; torch gets
the noise. Of every result the gradient of <gradient, result> is kept.
"""

import pathlib
import sys

import numpy
import torch
from torch.distributions import Categorical, Independent, Normal, TransformedDistribution, kl_divergence
from torch.distributions.transforms import TanhTransform

from dump import Dump

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
from mynah_random import philox  # noqa: E402

SEED, STREAM, STEP = 11, 4, 3  # the key and step of tests/operations/*_distribution.cpp
dump = Dump("distribution")


def words(shape):
    """The random words of a matrix, counted row by row."""
    size = int(numpy.prod(shape))
    return philox(SEED, STREAM, STEP, numpy.arange((size + 3) // 4)).reshape(-1)[:size]


def normal_noise(shape):
    """Standard normal numbers: Box and Muller 1958 on pairs of words."""
    size = int(numpy.prod(shape))
    pairs = philox(SEED, STREAM, STEP, numpy.arange((size + 3) // 4)).reshape(-1, 2).astype(numpy.float64)
    radius = numpy.sqrt(-2.0 * numpy.log((pairs[:, 0] + 1.0) / 2**32))
    angle = pairs[:, 1] * (2.0 * numpy.pi / 2**32)
    numbers = numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1).reshape(-1)[:size]
    return torch.from_numpy(numbers.reshape(shape)).float()


def leaves(*tensors):
    return [tensor.double().requires_grad_(True) for tensor in tensors]


def as_floats(tensors):
    return {name: tensor.detach().float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def gaussian(mean, log_std):
    return Independent(Normal(mean, log_std.exp()), 1)


def fisher_product(divergence_from, parameters, tangents):
    """The Hessian of the divergence at no distance, times a direction."""
    moved = [parameter.detach().clone().requires_grad_(True) for parameter in parameters]
    gradients = torch.autograd.grad(divergence_from(moved), moved, create_graph=True)
    slope = sum((gradient * tangent).sum() for gradient, tangent in zip(gradients, tangents))
    return torch.autograd.grad(slope, moved)


def gaussian_case(name, mean, log_std, q_mean, q_log_std):
    rows = mean.shape[0]
    noise = normal_noise(mean.shape)
    action = (mean + log_std.exp() * torch.randn_like(mean)).float()
    gradient, action_gradient = torch.randn(rows), torch.randn_like(mean)
    out = dict(mean=mean, log_std=log_std, q_mean=q_mean, q_log_std=q_log_std, action=action, gradient=gradient,
               action_gradient=action_gradient, noise=noise)
    g = gradient.double()

    a, m, s = leaves(action, mean, log_std)
    out["log_probability"] = gaussian(m, s).log_prob(a)
    grads = torch.autograd.grad(out["log_probability"], (a, m, s), g)
    out.update(zip(("log_probability.action", "log_probability.mean", "log_probability.log_std"), grads))

    out["entropy"] = gaussian(m, s).entropy()
    (out["entropy.log_std"],) = torch.autograd.grad(out["entropy"], s, g)

    qm, qs = leaves(q_mean, q_log_std)
    out["kl"] = kl_divergence(gaussian(m, s), gaussian(qm, qs))
    grads = torch.autograd.grad(out["kl"], (m, s, qm, qs), g)
    out.update(zip(("kl.mean", "kl.log_std", "kl.q_mean", "kl.q_log_std"), grads))

    out["sample"] = m + s.exp() * noise.double()
    grads = torch.autograd.grad(out["sample"], (m, s), action_gradient.double())
    out.update(zip(("sample.mean", "sample.log_std"), grads))

    tangents = torch.randn_like(mean), torch.randn_like(log_std)
    out.update(mean_tangent=tangents[0], log_std_tangent=tangents[1])
    held = gaussian(m.detach(), s.detach())
    products = fisher_product(lambda q: kl_divergence(held, gaussian(*q)).mean(), (m, s),
                              [tangent.double() for tangent in tangents])
    out.update(zip(("fisher.mean", "fisher.log_std"), products))
    dump.case("gaussian_" + name, **as_floats(out))


def normal_parameters(rows, columns, shared=False, log_std=None):
    spread = torch.randn(1 if shared else rows, columns) * 0.5 if log_std is None else log_std
    return torch.randn(rows, columns), spread


gaussian_case("rows", *normal_parameters(9, 5), *normal_parameters(9, 5))
gaussian_case("shared", *normal_parameters(17, 6, True), *normal_parameters(17, 6, True))
gaussian_case("mixed", *normal_parameters(7, 3, True), *normal_parameters(7, 3))
gaussian_case("one_row", *normal_parameters(1, 4), *normal_parameters(1, 4))
mean = torch.randn(5, 3) * 1e-3
gaussian_case("narrow", mean, torch.full((5, 3), -20.0), mean + 1e-9 * torch.randn(5, 3), torch.full((5, 3), -19.5))
gaussian_case("broad", torch.randn(5, 3), torch.full((1, 3), 2.0), torch.randn(5, 3), torch.full((1, 3), 2.0))
near = normal_parameters(8, 4)
gaussian_case("near", *near, near[0] + 1e-3, near[1] - 1e-3)


def squashed(mean, log_std):
    tanh = TanhTransform(cache_size=1)  # remembers from which u an action came
    return tanh, Independent(TransformedDistribution(Normal(mean, log_std.exp()), tanh), 1)


def squashed_case(name, mean, log_std, pre_tanh):
    rows = mean.shape[0]
    noise = normal_noise(mean.shape)
    gradient, action_gradient = torch.randn(rows), torch.randn_like(mean)
    out = dict(mean=mean, log_std=log_std, noise=noise, pre_tanh=pre_tanh, gradient=gradient,
               action_gradient=action_gradient)

    m, s = leaves(mean, log_std)
    tanh, distribution = squashed(m, s)
    out["sample.pre_tanh"] = m + s.exp() * noise.double()
    out["sample.action"] = tanh(out["sample.pre_tanh"])
    out["sample.log_probability"] = distribution.log_prob(out["sample.action"])
    both = (out["sample.action"] * action_gradient).sum() + (out["sample.log_probability"] * gradient).sum()
    grads = torch.autograd.grad(both, (m, s))
    out.update(zip(("sample.mean", "sample.log_std"), grads))

    u, m, s = leaves(pre_tanh, mean, log_std)
    tanh, distribution = squashed(m, s)
    out["log_probability"] = distribution.log_prob(tanh(u))
    grads = torch.autograd.grad(out["log_probability"], (u, m, s), gradient.double())
    out.update(zip(("log_probability.pre_tanh", "log_probability.mean", "log_probability.log_std"), grads))
    dump.case("squashed_" + name, **as_floats(out))


squashed_case("rows", *normal_parameters(9, 5), torch.randn(9, 5))
squashed_case("shared", *normal_parameters(17, 6, True), torch.randn(17, 6))
squashed_case("one_row", *normal_parameters(1, 4), torch.randn(1, 4))
saturated = torch.tensor([[-20.0, -12.5, 9.0], [20.0, 15.25, -9.5], [0.0, 1e-4, -1e-4]])
squashed_case("saturated", saturated + 0.25, torch.randn(3, 3) * 0.1, saturated)
squashed_case("broad", torch.randn(4, 3), torch.full((1, 3), 2.0), torch.randn(4, 3) * 7)
action = torch.rand(5, 7) * 2 - 1
action[0, :4] = torch.tensor([0.0, 1 - 2.0**-24, -1 + 2.0**-24, 1e-6])
dump.case("squashed_inverse", action=action, pre_tanh=torch.atanh(action.double()).float())


def categorical_case(name, logits, q_logits, labels):
    """Where logits are -inf torch gets the others alone: their derivatives are 0 by definition."""
    rows, classes = logits.shape
    gumbel = -numpy.log(-numpy.log((words(logits.shape).astype(numpy.float64) + 0.5) / 2**32)).reshape(rows, classes)
    drawn = numpy.argmax(logits.double().numpy() + gumbel, axis=1)
    gradient, tangent = torch.randn(rows), torch.randn(rows, classes)
    names = ("log_probability", "entropy", "kl")
    results = {key: torch.zeros(rows, dtype=torch.float64) for key in names}
    grads = {key: torch.zeros(rows, classes, dtype=torch.float64)
             for key in ("log_probability.logits", "entropy.logits", "kl.logits", "kl.q_logits", "fisher")}
    for row in range(rows):
        open_ = torch.isfinite(logits[row])
        place = int(open_[: labels[row]].sum())
        l, q = leaves(logits[row][open_], q_logits[row][open_])
        p_log, q_log = torch.log_softmax(l, 0), torch.log_softmax(q, 0)
        p_is, q_is = Categorical(logits=l), Categorical(logits=q)
        # torch makes a divergence infinite where q underflows to 0
        kl = kl_divergence(p_is, q_is) if (q_is.probs > 0).all() else (p_log.exp() * (p_log - q_log)).sum()
        of_row = p_is.log_prob(torch.tensor(place)), p_is.entropy(), kl
        g = gradient[row].double()
        for key, value in zip(names, of_row):
            results[key][row] = value.detach()
            (grads[key + ".logits"][row, open_],) = torch.autograd.grad(value, l, g, retain_graph=True)
        (grads["kl.q_logits"][row, open_],) = torch.autograd.grad(kl, q, g, retain_graph=True)
        v = tangent[row][open_].double()
        (grads["fisher"][row, open_],) = torch.autograd.grad(p_log.exp(), l, v)  # the Jacobian is symmetric
        grads["fisher"][row] /= rows
    dump.case("categorical_" + name, **as_floats(dict(
        logits=logits, q_logits=q_logits, labels=labels, gradient=gradient, tangent=tangent,
        sample=torch.from_numpy(drawn), **results, **grads)))


def random_labels(rows, classes):
    return torch.randint(classes, (rows,))


categorical_case("few", torch.randn(33, 5), torch.randn(33, 5), random_labels(33, 5))
categorical_case("two", 2 * torch.randn(17, 2), torch.randn(17, 2), random_labels(17, 2))
categorical_case("many", torch.randn(4, 70), torch.randn(4, 70), random_labels(4, 70))
categorical_case("one", torch.randn(3, 1), torch.randn(3, 1), random_labels(3, 1))
near_logits = torch.randn(8, 6)
categorical_case("near", near_logits, near_logits + 1e-3 * torch.randn(8, 6), random_labels(8, 6))
large = torch.tensor([[1e4, -1e4, 0.0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [0.0, 30.0, -30.0],
                      [9999.0, 1e4, 9998.5]])
categorical_case("large", large, torch.flip(large, (0,)), torch.tensor([0, 1, 2, 0, 2]))
masked, q_masked = torch.randn(9, 6), torch.randn(9, 6)
for row in range(9):
    masked[row, row % 6] = q_masked[row, row % 6] = -torch.inf
    masked[row, (row + 2) % 6] = q_masked[row, (row + 2) % 6] = -torch.inf
categorical_case("masked", masked, q_masked, torch.tensor([(row + 1) % 6 for row in range(9)]))

if __name__ == "__main__":
    dump.main()
