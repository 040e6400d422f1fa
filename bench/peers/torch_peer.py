"""PyTorch as a peer of mynah-bench, eager and compiled: see worker.py."""

import torch

import torch_layers
from worker import Refused

ACTIVATIONS = torch_layers.ACTIVATIONS
LOSSES = {"mse": torch.nn.MSELoss, "l1": torch.nn.L1Loss, "huber": torch.nn.HuberLoss,
          "binary_cross_entropy": torch.nn.BCEWithLogitsLoss, "softmax_cross_entropy": torch.nn.CrossEntropyLoss}


def version(device):
    if device == "cuda" and not torch.cuda.is_available():
        raise Refused("torch sees no CUDA device")
    return torch.__version__


def set_threads(threads):
    torch.set_num_threads(threads)


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def flush(device, size):
    memory = torch.empty(size // 4, device=device)
    return lambda: memory.fill_(1.0)


def network_of(workload, device):
    layers, modules = workload["layers"], []
    for inputs, outputs in zip(layers[:-1], layers[1:]):
        modules += [torch.nn.Linear(inputs, outputs), ACTIVATIONS[workload["activation"]]()]
    return torch.nn.Sequential(*modules[:-1]).to(device)


def optimizer_of(workload, parameters, compiled, device):
    """Eager: as by default. Compiled: with its state on the device, so that a step can be recorded."""
    more = {"capturable": True} if compiled and device == "cuda" else {}
    name = workload["optimizer"]
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=1e-2)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=1e-2, **more)
    return (torch.optim.AdamW if name == "adamw" else torch.optim.Adam)(parameters, lr=1e-3, **more)


def targets_of(workload, batch, device):
    outputs = workload["layers"][-1]
    if workload["loss"] == "softmax_cross_entropy":
        return torch.arange(batch, device=device) * 7 % outputs
    targets = torch.randn(batch, outputs, device=device)
    return (targets > 0).float() if workload["loss"] == "binary_cross_entropy" else targets


def training(workload, device, compiled):
    """Forward, loss, zero_grad, backward, optimizer, on a batch that is there already."""
    if workload["loss"] not in LOSSES:
        raise Refused(f"{workload['loss']} is not among the losses that this script has")
    network, loss_function = network_of(workload, device), LOSSES[workload["loss"]]()
    optimizer = optimizer_of(workload, network.parameters(), compiled, device)
    observation = torch.randn(workload["batch"], workload["layers"][0], device=device)
    target = targets_of(workload, workload["batch"], device)

    def step():
        loss = loss_function(network(observation), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    if not compiled:
        return step
    optimizer.zero_grad()
    forward = torch.compile(lambda: loss_function(network(observation), target), mode=compiled)
    update = torch.compile(optimizer.step, mode=compiled)

    def compiled_step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        update()

    return compiled_step


def inference(workload, device, compiled):
    network = network_of(workload, device)
    if compiled:
        network = torch.compile(network, mode=compiled)
    observation = torch.randn(workload["batch"], workload["layers"][0], device=device)

    def step():
        with torch.inference_mode():
            network(observation)

    return step


def product(workload, device, compiled):
    """bfloat16: of tensors that are in bfloat16; tf32: of float32 tensors, which it rounds itself."""
    size = workload["size"]
    kind = torch.bfloat16 if workload["precision"] == "bfloat16" else torch.float32
    x, w, b = (torch.randn(*shape, device=device, dtype=kind) for shape in ((size, size), (size, size), (size,)))
    run = lambda: torch.relu(torch.nn.functional.linear(x, w, b))  # noqa: E731
    run = torch.compile(run, mode=compiled) if compiled else run

    def step():
        with torch.inference_mode():
            run()

    return step


def adam(workload, device, compiled):
    parameters = torch.nn.Parameter(torch.randn(workload["size"], device=device))
    parameters.grad = torch.randn_like(parameters)
    more = {"capturable": True} if compiled and device == "cuda" else {}
    optimizer = torch.optim.Adam([parameters], lr=1e-3, **more)
    return torch.compile(optimizer.step, mode=compiled) if compiled else optimizer.step


def layer(workload, device, compiled):
    if compiled:
        raise Refused("single layers are timed in eager mode only")
    return torch_layers.step_of(workload["layer"], workload["batch"], device)


MAKERS = {"training": training, "inference": inference, "product": product, "adam": adam, "layer": layer}


def make(workload, device, mode):
    torch.manual_seed(0)
    torch._dynamo.reset() if mode == "torch-compiled" else None
    precision = workload["precision"]
    if precision != "float32" and workload["task"] != "product" and (precision == "bfloat16" or device == "cpu"):
        raise Refused(f"{precision} is compared for products only" + ("" if device == "cuda" else " on a CPU"))
    if precision == "tf32" and device == "cpu":
        raise Refused("a CPU has no tf32 in PyTorch")
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    compiled = {"cuda": "reduce-overhead", "cpu": "default"}[device] if mode == "torch-compiled" else None
    if workload["task"] not in MAKERS:
        raise Refused("has no tasks to step")
    step = MAKERS[workload["task"]](workload, device, compiled)
    text = f"torch.compile, mode {compiled}" if compiled else "eager"
    if workload.get("members", 1) > 1:
        text += "; one network, since it trains one after the other"
    return step, 1, text
