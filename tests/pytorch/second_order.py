#!/usr/bin/env python3
"""Second derivatives of small networks, by torch's double backward.

gradient_penalty_*   a critic's parameters and rows; the penalty 10 mean (||grad|| - 1)^2 and its gradients
hessian_*            a network, its batch, a direction p of the parameters; Hessian and Gauss-Newton products with p
"""

import torch

from dump import Dump

dump = Dump("second_order")


def network(activation, *sizes):
    modules = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        modules += [torch.nn.Linear(inputs, outputs), activation()]
    return torch.nn.Sequential(*modules[:-1])


def gradient_penalty(name, module, rows):
    x = rows.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    penalty = 10 * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    gradients = torch.autograd.grad(penalty, list(module.parameters()), allow_unused=True)
    tensors = {"rows": rows, "gradient": gradient, "penalty": penalty.reshape(1)}
    for (key, value), grad in zip(module.named_parameters(), gradients):
        tensors[f"tensor.{key}"] = value
        tensors[f"grad.{key}"] = torch.zeros_like(value) if grad is None else grad
    dump.case(name, **tensors)


def hessian(name, module, x, target, loss):
    parameters = dict(module.named_parameters())
    direction = {key: torch.randn_like(value) for key, value in parameters.items()}
    gradients = torch.autograd.grad(loss(module(x), target), list(parameters.values()), create_graph=True)
    along = sum((g * direction[key]).sum() for key, g in zip(parameters, gradients))
    products = torch.autograd.grad(along, list(parameters.values()))
    def output(values):
        return torch.func.functional_call(module, values, (x,))
    y, tangent = torch.func.jvp(output, (parameters,), (direction,))
    leaf = y.detach().requires_grad_(True)
    (dy,) = torch.autograd.grad(loss(leaf, target), leaf, create_graph=True)
    (curved,) = torch.autograd.grad((dy * tangent.detach()).sum(), leaf)
    gauss_newton = torch.autograd.grad(module(x), list(parameters.values()), curved)
    tensors = {"x": x, "target": target, "tangent": tangent}
    for key, product, other in zip(parameters, products, gauss_newton):
        tensors.update({f"tensor.{key}": parameters[key], f"direction.{key}": direction[key],
                        f"hessian.{key}": product, f"gauss_newton.{key}": other})
    dump.case(name, **tensors)


gradient_penalty("gradient_penalty_tanh", network(torch.nn.Tanh, 7, 16, 12, 1), torch.randn(9, 7))
gradient_penalty("gradient_penalty_leaky_relu", network(lambda: torch.nn.LeakyReLU(0.01), 11, 32, 32, 1), torch.randn(33, 11))
gradient_penalty("gradient_penalty_gelu", network(torch.nn.GELU, 3, 8, 1), torch.randn(1, 3))
hessian("hessian_mse", network(torch.nn.Softplus, 5, 12, 9, 3), torch.randn(17, 5), torch.randn(17, 3),
        torch.nn.functional.mse_loss)
hessian("hessian_cross_entropy", network(torch.nn.SiLU, 6, 14, 4), torch.randn(12, 6), torch.randint(4, (12,)),
        torch.nn.functional.cross_entropy)

if __name__ == "__main__":
    dump.main()
