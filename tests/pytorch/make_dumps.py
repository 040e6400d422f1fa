#!/usr/bin/env python3
"""Writes what PyTorch computes for a few small networks to tests/pytorch/dumps/NAME.safetensors.

The C++ tests read these files and compare their own outputs, gradients and Adam steps with them. To write them again:

    bench/peers/setup && .venv/bin/python tests/pytorch/make_dumps.py

Every value comes from torch on the CPU with one thread. Tensors of a file:

    input                       [rows, inputs]   float32
    target                      [rows, outputs]  float32, or [rows] int64 for cross_entropy
    output                      [rows, outputs]  of the initial network
    loss                        [1]              of the initial network (mean over rows and outputs; mean over rows)
    input.grad                  [rows, inputs]   d loss / d input
    initial.PARAMETER           PARAMETER is a torch.nn.Sequential name, '0.weight', '0.bias', '2.weight', ...
    grad.PARAMETER              d loss / d PARAMETER of the initial network
    losses                      [steps]          the loss before each optimizer step
    step1.PARAMETER, step1.exp_avg.PARAMETER, step1.exp_avg_sq.PARAMETER         after one optimizer step
    step10.PARAMETER, ...                                                        after ten, all on the same batch

A network of more than 5,000 parameters keeps step10 only. What the network is stands in the metadata of the file (text):
layers, activation, loss, optimizer, learning_rate, weight_decay, beta1, beta2, epsilon, steps, seed, torch.

The seeds are such that no gradient is closer to zero than 6e-7 without being zero (the search was over seeds 1 to 40): near
zero, an Adam step g / (|g| + 1e-8) turns rounding of g into a difference far above float32's own, in any program.

With --float64 the same is computed in double precision (the same float32 initial values, inputs and targets) and the
largest relative difference from the float32 dump is printed for every tensor: the error that float32 itself makes.
"""

import argparse
import json
import pathlib
from dataclasses import dataclass

import torch
from safetensors.torch import save

STEPS = 10
LEARNING_RATE = 1e-3
SMALL_NETWORK = 5000


@dataclass(frozen=True)
class Case:
    name: str
    layers: tuple
    rows: int
    loss: str  # "mse" or "cross_entropy"
    optimizer: str = "adam"  # or "adamw"
    weight_decay: float = 0.0
    seed: int = 0


CASES = [
    Case("mlp_17_256_6_mse", (17, 256, 6), 32, "mse", seed=8),
    Case("mlp_4_64_64_2_cross_entropy", (4, 64, 64, 2), 33, "cross_entropy", seed=19),
    Case("mlp_11_32_16_3_mse", (11, 32, 16, 3), 7, "mse", seed=14),
    Case("mlp_11_32_16_3_mse_adamw", (11, 32, 16, 3), 7, "mse", optimizer="adamw", weight_decay=0.01, seed=14),
]


def make_network(layers):
    modules = []
    for inputs, outputs in zip(layers[:-1], layers[1:]):
        modules += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def make_loss(case):
    return torch.nn.MSELoss() if case.loss == "mse" else torch.nn.CrossEntropyLoss()


def make_optimizer(case, network):
    kind = torch.optim.Adam if case.optimizer == "adam" else torch.optim.AdamW
    return kind(network.parameters(), lr=LEARNING_RATE, weight_decay=case.weight_decay)


def make_batch(case):
    observation = torch.randn(case.rows, case.layers[0])
    if case.loss == "mse":
        return observation, torch.randn(case.rows, case.layers[-1])
    return observation, torch.randint(case.layers[-1], (case.rows,))


def first_pass(case, network, observation, target):
    """Output, loss and every gradient of the network as it was initialised."""
    leaf = observation.clone().requires_grad_(True)
    network.zero_grad()
    output = network(leaf)
    loss = make_loss(case)(output, target)
    loss.backward()
    tensors = {"output": output, "loss": loss.reshape(1), "input.grad": leaf.grad}
    for name, parameter in network.named_parameters():
        tensors[f"initial.{name}"] = parameter
        tensors[f"grad.{name}"] = parameter.grad
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def optimizer_steps(case, network, observation, target):
    """Parameters and Adam's moments after the first (small networks only) and the last of STEPS steps."""
    small = sum(parameter.numel() for parameter in network.parameters()) <= SMALL_NETWORK
    optimizer, loss_function = make_optimizer(case, network), make_loss(case)
    tensors, losses = {}, []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss = loss_function(network(observation), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step == STEPS or (step == 1 and small):
            for name, parameter in network.named_parameters():
                tensors[f"step{step}.{name}"] = parameter.detach().clone()
                for moment in ("exp_avg", "exp_avg_sq"):
                    tensors[f"step{step}.{moment}.{name}"] = optimizer.state[parameter][moment].clone()
    tensors["losses"] = torch.tensor(losses, dtype=observation.dtype)
    return tensors


def run(case, dtype):
    torch.manual_seed(case.seed)
    network = make_network(case.layers)
    observation, target = make_batch(case)
    network, observation = network.to(dtype), observation.to(dtype)
    target = target.to(dtype) if case.loss == "mse" else target
    tensors = {"input": observation, "target": target}
    tensors.update(first_pass(case, network, observation, target))
    tensors.update(optimizer_steps(case, network, observation, target))
    return tensors


def metadata(case):
    return {
        "layers": ",".join(str(size) for size in case.layers),
        "activation": "relu",
        "loss": case.loss,
        "optimizer": case.optimizer,
        "learning_rate": repr(LEARNING_RATE),
        "weight_decay": repr(case.weight_decay),
        "beta1": "0.9",
        "beta2": "0.999",
        "epsilon": "1e-08",
        "steps": str(STEPS),
        "seed": str(case.seed),
        "torch": torch.__version__.split("+")[0],
    }


def file_bytes(tensors, facts):
    """The tensors as a safetensors file, its header sorted so that the same dump is the same bytes every time."""
    unsorted = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata=facts)
    length = int.from_bytes(unsorted[:8], "little")
    header = json.dumps(json.loads(unsorted[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + unsorted[8 + length :]


def print_difference(case, single, double):
    print(f"{case.name}: largest |float32 - float64| / largest |float64|")
    for name, exact in sorted(double.items()):
        if exact.is_floating_point():
            scale = exact.abs().max().clamp_min(1e-300)
            print(f"  {name:32} {((single[name].double() - exact).abs().max() / scale).item():.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent / "dumps"
    parser.add_argument("--out", type=pathlib.Path, default=default, help="folder to write to (dumps/)")
    parser.add_argument("--float64", action="store_true", help="compare with double precision; write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for case in CASES:
        tensors = run(case, torch.float32)
        if options.float64:
            print_difference(case, tensors, run(case, torch.float64))
            continue
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"{case.name}.safetensors"
        path.write_bytes(file_bytes(tensors, metadata(case)))
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
