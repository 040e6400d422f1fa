#!/usr/bin/env python3
"""A peer of mynah-bench: makes workloads ready and measures them when asked, one JSON object a line in, one out.

    worker.py --peer torch|torch-compiled|jax|gymnasium [--device cpu|cuda] [--core N] [--threads N]

First it says {"version": ...}, or {"missing": ..., "get": ...} and ends. Then it answers until its input ends:

    {"prepare": WORKLOAD}    WORKLOAD as it stands in a result file of mynah-bench    {"prepared": TEXT} or {"refused": TEXT}
    {"measure": {"seconds": 1, "clock": "wall", "cold": false, "least_sample_us": 10, "least_steps": 1}}
                             {"median_us": .., "best_us": .., "lower_us": .., "upper_us": .., "samples": N}, of a step

A peer is a module with version(device), make(workload, device, mode) -> (step, members, text), wait(device) and
flush(device, bytes) -> function; make() raises Refused for what the peer does not have.
"""

import argparse
import importlib
import json
import math
import os
import sys
import time

# More than any GPU's cache; on the CPU the last level's, which sysconf knows.
CUDA_CACHE = 128 << 20


class Refused(Exception):
    """What the peer cannot do, in words."""


def cpu_cache():
    try:
        return max(os.sysconf("SC_LEVEL3_CACHE_SIZE"), os.sysconf("SC_LEVEL2_CACHE_SIZE"), 1 << 20)
    except (ValueError, OSError):
        return 32 << 20


class Measured:
    """A workload that was made ready; measured as bench/mynah_bench/measurement.cpp measures mynah's."""

    def __init__(self, peer, device, step, members):
        self.peer, self.device, self.step, self.members = peer, device, step, members
        self.flush = None
        self.counted = {}

    def run(self, steps):
        for _ in range(steps):
            self.step()
        self.peer.wait(self.device)

    def steps_of_sample(self, least_us, least_steps):
        if (least_us, least_steps) not in self.counted:
            self.run(3)  # compiles, allocates
            passed = []
            for _ in range(3):
                start = time.perf_counter_ns()
                self.run(1)
                passed.append((time.perf_counter_ns() - start) / 1e3)
            self.counted[least_us, least_steps] = max(math.ceil(least_us / max(min(passed), 0.01)), least_steps)
        return self.counted[least_us, least_steps]

    def measure(self, protocol):
        clock = time.perf_counter_ns if protocol["clock"] == "wall" else time.process_time_ns
        cold = protocol["cold"]
        steps = 1 if cold else self.steps_of_sample(protocol["least_sample_us"], protocol["least_steps"])
        if cold and self.flush is None:
            self.run(3)
            self.flush = self.peer.flush(self.device, 2 * (CUDA_CACHE if self.device == "cuda" else cpu_cache()))

        def sample():
            if cold:
                self.flush()
                self.peer.wait(self.device)
            start = clock()
            self.run(steps)
            return (clock() - start) / 1e3 / (steps * self.members)

        warm = time.perf_counter() + 0.2 * protocol["seconds"]
        sample()
        while time.perf_counter() < warm:
            sample()
        times = []
        until = time.perf_counter() + protocol["seconds"]
        while not times or time.perf_counter() < until:
            times.append(sample())
        times.sort()
        n = len(times)
        return {"median_us": times[n // 2], "best_us": times[0], "lower_us": times[n // 4], "upper_us": times[3 * n // 4],
                "samples": n}


def load(name, device):
    """The peer's module and version, or {"missing", "get"}."""
    try:
        peer = importlib.import_module(name.split("-")[0] + "_peer")
        return peer, peer.version(device)
    except ImportError as error:
        with_option = f" --with-{name}" if name in ("jax", "gymnasium") else ""
        return None, {"missing": f"{error}", "get": f"bench/peers/setup{with_option} installs it"}
    except Refused as error:
        return None, {"missing": f"{error}", "get": "see its own documentation of devices"}


def serve(peer, mode, device):
    measured = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                measured = None  # its memory goes first
                step, members, text = peer.make(request["prepare"], device, mode)
                measured = Measured(peer, device, step, members)
                measured.run(1)  # what it cannot compile or hold is found here
                answer = {"prepared": text}
            else:
                answer = measured.measure(request["measure"])
        except Refused as error:
            answer = {"refused": str(error)}
        except Exception as error:  # of another's library: any
            measured = None
            answer = {"refused": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"}
        yield answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=["torch", "torch-compiled", "jax", "gymnasium"], default="torch")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--core", type=int, default=-1, help="core to run on (default: wherever it is)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default 1)")
    options = parser.parse_args()
    if options.core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    answers = os.fdopen(os.dup(1), "w")  # what libraries print goes to standard error
    os.dup2(2, 1)

    def say(answer):
        print(json.dumps(answer), file=answers, flush=True)

    peer, version = load(options.peer, options.device)
    say(version if isinstance(version, dict) else {"version": version})
    if peer is None:
        return
    peer.set_threads(options.threads)
    for answer in serve(peer, options.peer, options.device):
        say(answer)


if __name__ == "__main__":
    sys.modules["worker"] = sys.modules["__main__"]  # one class Refused
    main()
