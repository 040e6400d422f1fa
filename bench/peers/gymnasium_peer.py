"""Gymnasium, for worker.py: steps of copies of a task that start again by themselves, in its own vectorised form where it
has one (CartPole, in NumPy), else one copy after the other."""

import gymnasium

from worker import Refused


def version(device):
    if device != "cpu":
        raise Refused("Gymnasium steps its tasks on the CPU")
    return gymnasium.__version__


threads = 1


def set_threads(count):
    global threads
    threads = count


def make(workload, device, mode):
    if workload["task"] != "episodes":
        raise Refused("Gymnasium has tasks to step, and nothing else")
    name, copies = workload["environment"], workload["batch"]
    if name not in gymnasium.registry:
        raise Refused(f"Gymnasium has no {name}")
    if threads > 1:
        raise Refused("Gymnasium steps its copies on one thread")
    vectorized = gymnasium.registry[name].vector_entry_point is not None
    environments = gymnasium.make_vec(name, num_envs=copies,
                                      vectorization_mode="vector_entry_point" if vectorized else "sync")
    environments.reset(seed=1)
    environments.action_space.seed(1)
    actions = environments.action_space.sample()
    return lambda: environments.step(actions), copies, "its vectorised form" if vectorized else "one after the other"


def wait(device):
    pass


def flush(device, size):
    raise Refused("is compared with hot caches only")
