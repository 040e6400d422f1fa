#!/usr/bin/env python3
"""Times training steps and single-row inference in PyTorch eager, one thread on one core.

One training step is forward, MSE loss, zero_grad, backward, Adam (learning rate 1e-3) on a batch that is there already.

    training_step.py --layers 17,256,6 --batch 32 --seconds 1      one JSON line {"median_us": ..., "best_us": ..., ...}
    training_step.py --inference --layers 17,256,6 --seconds 1     the same for the network's output of one observation
    training_step.py --serve                                       one request a line on standard input, one answer a line

A request to --serve is a JSON object with the names of the options: {"layers": [17, 256, 6], "batch": 32, "seconds": 1,
"inference": false}. --device cuda times on a GPU; it then waits for the device around every block of 20 steps, and gives
the time of a step as the block's divided by 20.
"""

import argparse
import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch  # noqa: E402  (the line above has to come first)

STEPS_OF_A_CUDA_BLOCK = 20


def make_network(layers, device):
    modules = []
    for inputs, outputs in zip(layers[:-1], layers[1:]):
        modules += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1]).to(device)


def training_step(layers, batch, device):
    network = make_network(layers, device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_function = torch.nn.MSELoss()
    observation = torch.randn(batch, layers[0], device=device)
    action = torch.randn(batch, layers[-1], device=device)

    def step():
        loss = loss_function(network(observation), action)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def inference(layers, batch, device):
    network = make_network(layers, device)
    observation = torch.randn(batch, layers[0], device=device)

    def step():
        with torch.inference_mode():
            network(observation)

    return step


def measure(step, seconds, device, clock=time.perf_counter_ns):
    """Times of single steps in microseconds, over the given time, after warming up for a fifth of it."""
    block = STEPS_OF_A_CUDA_BLOCK if device == "cuda" else 1

    def timed_block():
        if device == "cuda":
            torch.cuda.synchronize()
        start = clock()
        for _ in range(block):
            step()
        if device == "cuda":
            torch.cuda.synchronize()
        return (clock() - start) / 1e3 / block

    warm_until = clock() + seconds / 5 * 1e9
    for _ in range(3):
        timed_block()
    while clock() < warm_until:
        timed_block()
    times = []
    until = clock() + seconds * 1e9
    while len(times) < 5 or clock() < until:
        times.append(timed_block())
    times.sort()
    return {"median_us": times[len(times) // 2], "best_us": times[0], "steps": len(times) * block}


def answer(request, device):
    torch.manual_seed(0)
    make = inference if request.get("inference") else training_step
    return measure(make(request["layers"], request["batch"], device), request["seconds"], device)


def pin(core):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", default="17,256,6", help="sizes, the input's first (default 17,256,6)")
    parser.add_argument("--batch", type=int, help="rows of the batch (default 32; 1 with --inference)")
    parser.add_argument("--seconds", type=float, default=1.0, help="time to measure for (default 1)")
    parser.add_argument("--inference", action="store_true", help="time the network's output instead of a training step")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; more than 1 is not pinned (default 1)")
    parser.add_argument("--core", type=int, default=None, help="core to run on (default: the last one allowed)")
    parser.add_argument("--serve", action="store_true", help="answer requests from standard input until it ends")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.threads == 1:
        pin(max(os.sched_getaffinity(0)) if options.core is None else options.core)
    if options.serve:
        print(json.dumps({"torch": torch.__version__, "threads": options.threads, "device": options.device}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), options.device)), flush=True)
        return
    batch = options.batch or (1 if options.inference else 32)
    layers = [int(size) for size in options.layers.split(",")]
    request = {"layers": layers, "batch": batch, "seconds": options.seconds, "inference": options.inference}
    print(json.dumps({**request, **answer(request, options.device)}))


if __name__ == "__main__":
    main()
