"""A whole behaviour-cloning job, process start to saved policy: mynah beside the plain PyTorch script, alternating.

The job: a network of one hidden layer of 256 units, ReLU, MSE, Adam 1e-3, batch 32, 100 epochs, observations and actions
as they are. Both programs run on one pinned core with one thread, on the same rows.

    compare_job --data hopper.npz                        times and peak memory, medians of --rounds alternating rounds
    compare_job --held-out --data DIR                    held-out MSE on hopper, half_cheetah and ant of DIR, mean of --seeds
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA_SETS = ("hopper", "half_cheetah", "ant")
JOB = ["--hidden", "256", "--epochs", "100", "--batch-size", "32", "--learning-rate", "1e-3"]
# What makes mynah's job the same as the script's: no early stop, no rows kept for validation, no standardising.
MYNAH_JOB = [*JOB, "--patience", "0", "--validation-fraction", "0", "--no-normalize-observations", "--device", "cpu"]


def run(command, core):
    """Runs a command on one core; (standard output, seconds, peak resident MB)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    with process.stdout, process.stderr:
        output, messages = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\nfailed with exit code {process.returncode}:\n{messages[-2000:]}")
    return output, seconds, usage.ru_maxrss / 1024


def mynah_command(options, data, seed, folder):
    extra = options.mynah_options.split()
    return [str(options.mynah), "train", "bc", "--data", str(data), *MYNAH_JOB, *extra, "--seed", str(seed), "--out", str(folder)]


def pytorch_command(options, data, seed, policy):
    loader = ["--loader"] if options.loader else []
    return [sys.executable, str(HERE / "behaviour_cloning.py"), "--data", str(data), *JOB, *loader, "--seed", str(seed),
            "--out", str(policy)]


def time_jobs(options, folder):
    seconds, memory = {"mynah": [], "pytorch": []}, {"mynah": [], "pytorch": []}
    for index in range(options.rounds):
        jobs = {"mynah": mynah_command(options, options.data, index, folder / f"run{index}"),
                "pytorch": pytorch_command(options, options.data, index, folder / f"policy{index}.safetensors")}
        names = [name for name in jobs if name == "pytorch" or not options.peer_only]
        for name in names if index % 2 == 0 else reversed(names):
            _, took, peak = run(jobs[name], options.core)
            seconds[name].append(took)
            memory[name].append(peak)
        print(f"round {index + 1} of {options.rounds} done", file=sys.stderr)
    return {name: {"median_s": statistics.median(seconds[name]), "best_s": min(seconds[name]), "rounds_s": seconds[name],
                   "peak_mb": max(memory[name])} for name in seconds if seconds[name]}


def print_times(options, result):
    # A child's peak counts the memory of the process that started it, up to the moment of its exec.
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nbehaviour cloning, {options.data.name}, process start to saved policy, {options.rounds} alternating rounds\n")
    print("| program | median s | best s | peak memory MB |")
    print("| --- | --- | --- | --- |")
    for name, values in result.items():
        peak = f"{values['peak_mb']:.0f}" if values["peak_mb"] > floor + 1 else f"at most {values['peak_mb']:.0f}"
        print(f"| {name} | {values['median_s']:.3f} | {values['best_s']:.3f} | {peak} |")
    if "mynah" in result:
        ratio = result["pytorch"]["median_s"] / result["mynah"]["median_s"]
        best = result["pytorch"]["best_s"] / result["mynah"]["best_s"]
        result["ratio_of_medians"], result["ratio_of_bests"] = ratio, best
        print(f"\nratio of medians {ratio:.1f}, of bests {best:.1f}")
        return ratio >= 15 and result["mynah"]["peak_mb"] < 60
    return True


def held_out_error(policy, held_out):
    script = str(HERE / "behaviour_cloning.py")
    command = [sys.executable, script, "--data", str(held_out), "--evaluate", str(policy)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["held_out_mse"]


def held_out_errors(options, name, folder):
    """Held-out MSE of both programs on one data set, a value for each seed."""
    train, held_out = folder / f"{name}.train.npz", folder / f"{name}.held_out.npz"
    subprocess.run([sys.executable, str(HERE / "split_blocks.py"), "--data", str(options.data / f"{name}.npz"),
                    "--train", str(train), "--held-out", str(held_out)], check=True)
    errors = {"mynah": [], "pytorch": []}
    for seed in range(1, options.seeds + 1):
        policy = folder / f"{name}.{seed}.safetensors"
        run(pytorch_command(options, train, seed, policy), options.core)
        errors["pytorch"].append(held_out_error(policy, held_out))
        if not options.peer_only:
            run_folder = folder / f"{name}.{seed}"
            run(mynah_command(options, train, seed, run_folder), options.core)
            errors["mynah"].append(held_out_error(run_folder / "policy.safetensors", held_out))
    return {program: values for program, values in errors.items() if values}


def mean_and_error(values):
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return statistics.fmean(values), spread


def compare_held_out(options, folder):
    results, good = {}, True
    print(f"held-out MSE, mean of {options.seeds} seeds (standard error)\n")
    print("| data | mynah | PyTorch | mynah / PyTorch |")
    print("| --- | --- | --- | --- |")
    for name in DATA_SETS:
        errors = held_out_errors(options, name, folder)
        cells = {program: mean_and_error(values) for program, values in errors.items()}
        ratio = cells["mynah"][0] / cells["pytorch"][0] if "mynah" in cells else None
        good = good and (ratio is None or ratio <= 1.05)
        results[name] = {"errors": errors, "ratio": ratio}
        texts = [f"{cells[p][0]:.5f} ({cells[p][1]:.5f})" if p in cells else "not run" for p in ("mynah", "pytorch")]
        print(f"| {name} | {texts[0]} | {texts[1]} | {'-' if ratio is None else f'{ratio:.3f}'} |", flush=True)
    return results, good


def parse_options():
    parser = argparse.ArgumentParser(prog="bench/peers/compare_job", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="demonstrations; with --held-out their folder")
    parser.add_argument("--mynah", type=pathlib.Path, default=ROOT / "build/release/mynah",
                        help="the program (default build/release/mynah)")
    parser.add_argument("--mynah-options", default="", help="more options for mynah, in one string")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--held-out", action="store_true", help="compare held-out MSE instead of time")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of --held-out (default 3)")
    parser.add_argument("--loader", action="store_true", help="let the script take its batches from torch's DataLoader")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core both are pinned to")
    parser.add_argument("--peer-only", action="store_true", help="run PyTorch alone")
    parser.add_argument("--check", action="store_true",
                        help="exit code 1 unless 15 times as fast and below 60 MB; with --held-out, MSE at most 1.05 times")
    parser.add_argument("--out", type=pathlib.Path, help="write the results as JSON to this file")
    return parser.parse_args()


def main():
    options = parse_options()
    if not options.peer_only and not options.mynah.exists():
        sys.exit(f"bench/peers/compare_job: {options.mynah} is not there; build it first "
                 "(cmake --preset release && cmake --build --preset release), or name it with --mynah")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mynah-job-"))
    try:
        if options.held_out:
            results, good = compare_held_out(options, folder)
        else:
            results = time_jobs(options, folder)
            good = print_times(options, results)
    finally:
        shutil.rmtree(folder)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if good or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
