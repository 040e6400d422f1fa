#!/usr/bin/env python3
"""Behaviour cloning as a plain PyTorch script: what `mynah train bc` is compared with.

A network with ReLU between its layers, MSE, Adam, mini-batches in a new random order every epoch. torch's own
initialisation. Observations and actions are used as they are unless --standardise is given. With --mynah-random, the
initial weights and the order of the rows in every epoch are those that mynah draws for the same seed.

    behaviour_cloning.py --data hopper.npz --hidden 256 --epochs 100 --batch-size 32 --seed 1 --out policy.safetensors
    behaviour_cloning.py --data train.npz --held-out-data held_out.npz --seed 1 --out policy.safetensors
    behaviour_cloning.py --data held_out.npz --evaluate policy.safetensors      the MSE of a saved policy (any program's)

Rows can be held out with --held-out-data (another file), with --split (a .json or .npz file with the row numbers 'train'
and 'held_out') or with --held-out-fraction (the last rows of the file). One JSON object is printed at the end; --verbose
adds a line for each epoch on standard error.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy  # noqa: E402  (the line above has to come first)
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import mynah_random  # noqa: E402


def read(path):
    """Observations and actions of a demonstrations file; actions [N] become [N, 1]."""
    with numpy.load(path) as file:
        observations, actions = file["observations"], file["actions"]
    if actions.ndim != 2 or not numpy.issubdtype(actions.dtype, numpy.floating):
        sys.exit(f"{path}: this script clones continuous actions [N, action_size] only")
    return torch.from_numpy(observations.astype("float32")), torch.from_numpy(actions.astype("float32"))


def read_split(path):
    if path.suffix == ".npz":
        with numpy.load(path) as file:
            return torch.from_numpy(file["train"]), torch.from_numpy(file["held_out"])
    split = json.loads(path.read_text(encoding="utf-8"))
    return torch.tensor(split["train"]), torch.tensor(split["held_out"])


def training_and_held_out(options):
    """((observations, actions) to train on, the same of the held-out rows or None)."""
    observations, actions = read(options.data)
    if options.held_out_data:
        return (observations, actions), read(options.held_out_data)
    if options.split:
        train, held_out = read_split(options.split)
    else:
        first_held_out = round(len(observations) * (1 - options.held_out_fraction))
        train, held_out = torch.arange(first_held_out), torch.arange(first_held_out, len(observations))
    if len(held_out) == 0:
        return (observations[train], actions[train]), None
    return (observations[train], actions[train]), (observations[held_out], actions[held_out])


def make_network(observation_size, hidden, action_size):
    sizes = [observation_size, *hidden, action_size]
    modules = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        modules += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def error(network, data, scale):
    with torch.inference_mode():
        observations = (data[0] - scale[0]) / scale[1]
        return torch.nn.functional.mse_loss(network(observations), data[1]).item()


def draw_as_mynah(network, seed):
    layers = [module for module in network if isinstance(module, torch.nn.Linear)]
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, mynah_random.linear_layers(seed, sizes)):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))


def batches(data, epoch, options):
    """An epoch: by a permutation of rows, or, with --loader, by torch's DataLoader as most scripts do (slower)."""
    if options.loader:
        yield from torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data), batch_size=options.batch_size,
                                               shuffle=True)
        return
    if options.mynah_random:
        order = torch.from_numpy(mynah_random.permutation(options.seed, epoch, len(data[0])))
    else:
        order = torch.randperm(len(data[0]))
    for rows in order.split(options.batch_size):
        yield data[0][rows], data[1][rows]


def train(options):
    start = time.perf_counter()
    torch.manual_seed(options.seed)
    data, held_out = training_and_held_out(options)
    scale = (torch.zeros(1), torch.ones(1))
    if options.standardise:
        scale = (data[0].mean(0), data[0].std(0, unbiased=False).clamp_min(1e-6))
    data = ((data[0] - scale[0]) / scale[1], data[1])
    network = make_network(data[0].shape[1], options.hidden, data[1].shape[1])
    if options.mynah_random:
        draw_as_mynah(network, options.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    loss_function = torch.nn.MSELoss()
    history = []
    for epoch in range(options.epochs):
        for observations, actions in batches(data, epoch, options):
            loss = loss_function(network(observations), actions)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if held_out is not None:
            history.append(error(network, held_out, scale))
            if options.verbose:
                print(f"epoch {epoch + 1}: held-out MSE {history[-1]:.6g}", file=sys.stderr)
    save(network, scale, options)
    return {
        "rows": len(data[0]),
        "held_out_rows": 0 if held_out is None else len(held_out[0]),
        "train_mse": error(network, data, (torch.zeros(1), torch.ones(1))),
        "held_out_mse": history[-1] if history else None,
        "held_out_mse_per_epoch": history,
        "seconds_after_imports": time.perf_counter() - start,
    }


def save(network, scale, options):
    if options.out:
        tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        if options.standardise:
            tensors.update({"observation.mean": scale[0], "observation.std": scale[1]})
        options.out.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, options.out)


def evaluate(options):
    tensors = load_file(options.evaluate)
    scale = (tensors.pop("observation.mean", torch.zeros(1)), tensors.pop("observation.std", torch.ones(1)))
    tensors = {name: tensor for name, tensor in tensors.items() if re.fullmatch(r"\d+\.(weight|bias)", name)}
    weights = [tensors[name] for name in sorted(tensors) if name.endswith("weight")]
    hidden = [weight.shape[0] for weight in weights[:-1]]
    network = make_network(weights[0].shape[1], hidden, weights[-1].shape[0])
    network.load_state_dict(tensors)
    data = read(options.data)
    return {"rows": len(data[0]), "held_out_mse": error(network, data, scale)}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="demonstrations, .npz")
    parser.add_argument("--hidden", type=lambda text: [int(size) for size in text.split(",")], default=[256])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out-data", type=pathlib.Path, help="demonstrations to hold out")
    parser.add_argument("--split", type=pathlib.Path, help="file with the row numbers 'train' and 'held_out'")
    parser.add_argument("--held-out-fraction", type=float, default=0.0, help="share of rows at the end to hold out")
    parser.add_argument("--standardise", action="store_true", help="observations to mean 0 and deviation 1")
    parser.add_argument("--loader", action="store_true", help="batches from torch's DataLoader")
    parser.add_argument("--mynah-random", action="store_true", help="mynah's initial weights and order of rows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, help="where to save the weights (.safetensors)")
    parser.add_argument("--evaluate", type=pathlib.Path, metavar="POLICY", help="do not train; the MSE of this policy")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.loader and options.mynah_random:
        parser.error("--loader draws batches of its own; leave it out with --mynah-random")
    return options


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    print(json.dumps(evaluate(options) if options.evaluate else train(options)))


if __name__ == "__main__":
    main()
