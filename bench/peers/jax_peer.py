"""JAX as a peer of mynah-bench: jitted steps, a population by vmap; see worker.py."""

import os

# The device is asked for by name below; a GPU's memory is not JAX's alone here.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# One thread, as the other peers have on a pinned core.
if os.environ.get("OMP_NUM_THREADS") == "1":
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from worker import Refused  # noqa: E402

PLATFORMS = {"cpu": "cpu", "cuda": "gpu"}
ACTIVATIONS = {"none": lambda x: x, "relu": jax.nn.relu, "leaky_relu": jax.nn.leaky_relu, "tanh": jnp.tanh,
               "sigmoid": jax.nn.sigmoid, "elu": jax.nn.elu, "gelu": lambda x: jax.nn.gelu(x, approximate=False),
               "silu": jax.nn.silu, "softplus": jax.nn.softplus}
last = None  # what wait() waits for


def version(device):
    try:
        jax.config.update("jax_default_device", jax.devices(PLATFORMS[device])[0])
    except RuntimeError as error:
        raise Refused(f"jax sees no {device} device ({str(error).splitlines()[0]})") from error
    return jax.__version__


def set_threads(threads):
    """By XLA_FLAGS above."""


def wait(device):
    jax.block_until_ready(last)


def flush(device, size):
    memory = [jnp.zeros(size // 4)]
    fill = jax.jit(lambda x: x + 1.0, donate_argnums=0)

    def run():
        memory[0] = jax.block_until_ready(fill(memory[0]))

    return run


def remember(value):
    global last
    last = value
    return value


def parameters_of(layers, key):
    keys = jax.random.split(key, len(layers))
    return [(jax.random.normal(k, (i, o)) / i**0.5, jnp.zeros(o)) for k, i, o in zip(keys, layers[:-1], layers[1:])]


def outputs_of(parameters, x, activation):
    for w, b in parameters[:-1]:
        x = ACTIVATIONS[activation](x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def loss_of(name, outputs, targets):
    difference = outputs - targets if name != "softmax_cross_entropy" else None
    if name == "mse":
        return jnp.mean(difference**2)
    if name == "l1":
        return jnp.mean(jnp.abs(difference))
    if name == "softmax_cross_entropy":
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(outputs), targets[:, None], axis=1))
    raise Refused(f"{name} is not among the losses that this script has")


def adam_update(parameters, gradient, state, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """torch.optim.Adam's step; state: step number and the two moments."""
    step, first, second = state
    step = step + 1
    first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, first, gradient)
    second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, second, gradient)
    c1, c2 = 1 - beta1**step, 1 - beta2**step
    parameters = jax.tree.map(lambda p, m, v: p - rate / c1 * m / (jnp.sqrt(v / c2) + epsilon), parameters, first, second)
    return parameters, (step, first, second)


def with_state(update, parameters, state):
    """A step that gives its results to the next; their memory is used again."""
    jitted = jax.jit(update, donate_argnums=(0, 1))
    held = [parameters, state]

    def step():
        held[0], held[1] = jitted(*held)
        remember(held[1])

    return step


def training(workload):
    if workload["optimizer"] != "adam":
        raise Refused(f"{workload['optimizer']} is not among the optimizers that this script has")
    layers, batch, members = workload["layers"], workload["batch"], workload["members"]
    x = jax.random.normal(jax.random.key(1), (batch, layers[0]))
    targets = jax.random.normal(jax.random.key(2), (batch, layers[-1]))
    if workload["loss"] == "softmax_cross_entropy":
        targets = jnp.arange(batch) * 7 % layers[-1]

    def update(parameters, state):
        gradient = jax.grad(lambda p: loss_of(workload["loss"], outputs_of(p, x, workload["activation"]), targets))(parameters)
        return adam_update(parameters, gradient, state)

    def start(key):
        parameters = parameters_of(layers, key)
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return parameters, (jnp.zeros(()), zeros, jax.tree.map(jnp.zeros_like, parameters))

    if members == 1:
        return with_state(update, *start(jax.random.key(0)))
    return with_state(jax.vmap(update), *jax.vmap(start)(jax.random.split(jax.random.key(0), members)))


def inference(workload):
    parameters = parameters_of(workload["layers"], jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (workload["batch"], workload["layers"][0]))
    run = jax.jit(lambda p, x: outputs_of(p, x, workload["activation"]))
    return lambda: remember(run(parameters, x))


def product(workload):
    kind = jnp.bfloat16 if workload["precision"] == "bfloat16" else jnp.float32
    size = workload["size"]
    x, w = (jax.random.normal(jax.random.key(i), (size, size)).astype(kind) for i in range(2))
    b = jax.random.normal(jax.random.key(2), (size,)).astype(kind)
    run = jax.jit(lambda x, w, b: jax.nn.relu(x @ w.T + b))
    return lambda: remember(run(x, w, b))


def adam(workload):
    parameters, gradient = (jax.random.normal(jax.random.key(i), (workload["size"],)) for i in range(2))
    state = (jnp.zeros(()), jnp.zeros_like(parameters), jnp.zeros_like(parameters))
    return with_state(lambda p, s: adam_update(p, gradient, s), parameters, state)


MAKERS = {"training": training, "inference": inference, "product": product, "adam": adam}


def make(workload, device, mode):
    if workload["task"] not in MAKERS:
        raise Refused("single layers are not among the workloads that this script has")
    precision = workload["precision"]
    if precision != "float32" and workload["task"] != "product" and (precision == "bfloat16" or device == "cpu"):
        raise Refused(f"{precision} is compared for products only" + ("" if device == "cuda" else " on a CPU"))
    if precision == "tf32" and device == "cpu":
        raise Refused("a CPU has no tf32 in JAX")
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if precision == "tf32" else "float32")
    members = workload.get("members", 1)
    return MAKERS[workload["task"]](workload), members, "jit" + (", vmap over the members" if members > 1 else "")
