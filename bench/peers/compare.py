"""Training steps and single-row inference: mynah beside PyTorch eager, in alternating rounds of one run.

Both run with one thread pinned to one core. A round times every case once with each program for --seconds; which program
goes first alternates from round to round. The table gives, for each, the median over rounds of the round's median, and the
best step of all rounds, in microseconds; a ratio is PyTorch's time divided by mynah's (above 1: mynah is faster).
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CASES = [
    # layers, batch, inference, the least ratio that mynah promises
    ([17, 256, 6], 32, False, 14.0),
    ([11, 256, 256, 3], 256, False, 1.15),
    ([376, 400, 300, 17], 256, False, 1.1),
    ([111, 1024, 1024, 8], 1024, False, 0.95),
    ([17, 256, 6], 1, True, None),
    ([11, 256, 256, 3], 1, True, None),
    ([376, 400, 300, 17], 1, True, None),
    ([111, 1024, 1024, 8], 1, True, None),
]


class Peer:
    """PyTorch in a process that stays, so that its imports are paid once."""

    def __init__(self, script, core, device):
        command = [sys.executable, str(HERE / script), "--serve", "--core", str(core), "--device", device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench/peers: the PyTorch process ended; its message stands above")
        return json.loads(line)

    def time(self, request, seconds):
        self.process.stdin.write(json.dumps({**request, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Mynah:
    """One of mynah's timers; `arguments_of` turns a request into its command line."""

    def __init__(self, timer, arguments_of, core, device):
        self.timer, self.arguments_of, self.core, self.device = timer, arguments_of, core, device

    def time(self, request, seconds):
        command = [str(self.timer), *self.arguments_of(request), "--seconds", str(seconds)]
        command += ["--device", self.device] if self.device != "cpu" else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, preexec_fn=self.pin, check=False)
        if done.returncode != 0:
            sys.exit(f"bench/peers: '{' '.join(command)}' failed with exit code {done.returncode}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def pin(self):
        if self.device == "cpu":
            os.sched_setaffinity(0, {self.core})


def step_timer_arguments(request):
    arguments = ["--layers", ",".join(map(str, request["layers"])), "--batch", str(request["batch"])]
    return arguments + (["--inference"] if request["inference"] else [])


def case_name(layers, batch, inference):
    return f"{'-'.join(map(str, layers))}, {'inference, ' if inference else ''}batch {batch}"


def run_rounds(requests, programs, rounds, seconds):
    """times[request][program] = the answers of all rounds."""
    times = [{name: [] for name in programs} for _ in requests]
    for index in range(rounds):
        order = list(programs) if index % 2 == 0 else list(reversed(programs))
        for request, answers in zip(requests, times):
            for name in order:
                answers[name].append(programs[name].time(request, seconds))
        print(f"round {index + 1} of {rounds} done", file=sys.stderr)
    return times


def summarise(answers):
    return {
        "median_us": statistics.median(answer["median_us"] for answer in answers),
        "best_us": min(answer["best_us"] for answer in answers),
        "rounds_us": [answer["median_us"] for answer in answers],
    }


def with_ratios(result, answers):
    """`result` with each program's times and, where mynah ran, PyTorch's divided by mynah's."""
    result.update({name: summarise(answer) for name, answer in answers.items()})
    if "mynah" in result:
        result["ratio_of_medians"] = result["pytorch"]["median_us"] / result["mynah"]["median_us"]
        result["ratio_of_bests"] = result["pytorch"]["best_us"] / result["mynah"]["best_us"]
    return result


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        family = f"family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
        return f"{facts.get('model name', platform.machine())} ({family}), {os.cpu_count()} cores"
    except OSError:
        return platform.machine()


def print_table(results, about):
    print(f"\n{about['processor']}; PyTorch {about['torch']}; {about['device']}; one thread; "
          f"{about['rounds']} rounds of {about['seconds']} s\n")
    print("| network | mynah, median (best) us | PyTorch, median (best) us | ratio of medians (bests) | promised |")
    print("| --- | --- | --- | --- | --- |")
    for result in results:
        ours, peer = result.get("mynah"), result["pytorch"]
        mine = f"{ours['median_us']:.4g} ({ours['best_us']:.4g})" if ours else "not run"
        ratio = f"{result['ratio_of_medians']:.2f} ({result['ratio_of_bests']:.2f})" if ours else "-"
        promised = f"{result['promised']:g}" if result["promised"] else "-"
        print(f"| {result['case']} | {mine} | {peer['median_us']:.4g} ({peer['best_us']:.4g}) | {ratio} | {promised} |")


def parse_case(text):
    layers, _, batch = text.partition(":")
    return [int(size) for size in layers.split(",")], int(batch or 32), False, None


def parse_options():
    parser = argparse.ArgumentParser(prog="bench/peers/compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timer", type=pathlib.Path, default=ROOT / "build/release/bench/mynah_step_timer",
                        help="mynah's timer (default build/release/bench/mynah_step_timer)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each case and program in a round (default 1)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core both are pinned to")
    parser.add_argument("--case", action="append", type=parse_case, metavar="LAYERS:BATCH",
                        help="time this network instead, e.g. 11,64,64,3:256 (may be repeated)")
    parser.add_argument("--peer-only", action="store_true", help="time PyTorch alone")
    parser.add_argument("--check", action="store_true", help="exit code 1 when a promised ratio of medians is missed")
    parser.add_argument("--out", type=pathlib.Path, help="write the results as JSON to this file")
    return parser.parse_args()


def main():
    options = parse_options()
    if not options.peer_only and not options.timer.exists():
        sys.exit(f"bench/peers/compare: {options.timer} is not there; build it first "
                 "(cmake --preset release && cmake --build --preset release), or name it with --timer")
    cases = options.case or CASES
    peer = Peer("training_step.py", options.core, options.device)
    programs = {"pytorch": peer}
    if not options.peer_only:
        programs = {"mynah": Mynah(options.timer, step_timer_arguments, options.core, options.device), "pytorch": peer}
    requests = [{"layers": layers, "batch": batch, "inference": inference} for layers, batch, inference, _ in cases]
    times = run_rounds(requests, programs, options.rounds, options.seconds)
    peer.close()

    results = []
    for (layers, batch, inference, promised), answers in zip(cases, times):
        result = {"case": case_name(layers, batch, inference), "layers": layers, "batch": batch, "inference": inference,
                  "promised": promised if options.device == "cpu" else None}
        results.append(with_ratios(result, answers))
    about = {"processor": processor(), "torch": peer.about["torch"], "device": options.device, "rounds": options.rounds,
             "seconds": options.seconds}
    print_table(results, about)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n", encoding="utf-8")
    missed = [r["case"] for r in results if r["promised"] and r.get("ratio_of_medians", r["promised"]) < r["promised"]]
    if missed:
        print(f"\nbelow what is promised: {'; '.join(missed)}")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
