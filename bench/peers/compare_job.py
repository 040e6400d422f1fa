"""A whole behaviour-cloning job, process start to saved policy: mynah beside the plain PyTorch script, alternating.

The job: a network of one hidden layer of 256 units, ReLU, MSE, Adam 1e-3, batch 32, 100 epochs, observations and actions
as they are. Both programs run on one pinned core with one thread, on the same rows.

    compare_job --data hopper.npz                        times and peak memory, medians of --rounds alternating rounds
    compare_job --held-out --data DIR                    held-out MSE on hopper, half_cheetah and ant of DIR

The held-out MSE after 100 epochs differs from seed to seed, by a standard deviation of 30 % on hopper. So it is compared
twice. With common random numbers, PyTorch starts from mynah's initial weights and takes its batches (mynah_random.py): for
the same 3 seeds, which shows differences of a few percent in the training, but none that lie in the draws themselves. With
each program's own draws, for --seeds seeds: that shows all differences, but needs many seeds to show small ones.
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

import compare_draws

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA_SETS = ("hopper", "half_cheetah", "ant")
COMMON_SEEDS = (1, 2, 3)
# What makes mynah's job the same as the script's: no early stop, no rows kept for validation, no standardising.
MYNAH_JOB = ["--patience", "0", "--validation-fraction", "0", "--no-normalize-observations", "--device", "cpu"]


def job(epochs, learning_rate):
    return ["--hidden", "256", "--epochs", str(epochs), "--batch-size", "32", "--learning-rate", str(learning_rate)]


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


def mynah_command(options, data, seed, folder, epochs=100, learning_rate=1e-3):
    return [str(options.mynah), "train", "bc", "--data", str(data), *job(epochs, learning_rate), *MYNAH_JOB,
            *options.mynah_options.split(), "--seed", str(seed), "--out", str(folder)]


def pytorch_command(options, data, seed, policy, *more, epochs=100):
    loader = ["--loader"] if options.loader else []
    return [sys.executable, str(HERE / "behaviour_cloning.py"), "--data", str(data), *job(epochs, 1e-3), *loader, *more,
            "--seed", str(seed), "--out", str(policy)]


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


def split(options, name, folder):
    train, held_out = folder / f"{name}.train.npz", folder / f"{name}.held_out.npz"
    subprocess.run([sys.executable, str(HERE / "split_blocks.py"), "--data", str(options.data / f"{name}.npz"),
                    "--train", str(train), "--held-out", str(held_out)], check=True)
    return train, held_out


def check_draws(options, name, train, folder):
    """Ends the program unless mynah_random.py draws as mynah does."""
    seed = COMMON_SEEDS[0]
    still, moved, peer = folder / f"{name}.still", folder / f"{name}.moved", folder / f"{name}.peer.safetensors"
    run(mynah_command(options, train, seed, still, epochs=1, learning_rate=1e-30), options.core)
    run(mynah_command(options, train, seed, moved, epochs=1), options.core)
    run(pytorch_command(options, train, seed, peer, "--mynah-random", epochs=1), options.core)
    different = compare_draws.initial_weights_differ(still / "policy.safetensors", seed)
    if different > 0:
        sys.exit(f"{name}: {different} initial weights are not those that mynah_random.py draws")
    difference = compare_draws.largest_difference(moved / "policy.safetensors", peer)
    if not difference <= compare_draws.LARGEST_DIFFERENCE_AFTER_AN_EPOCH:
        sys.exit(f"{name}: after one epoch with common random numbers, a weight differs by {difference:.2g}")
    return {"initial_weights_differ": different, "largest_difference_after_an_epoch": difference}


def held_out_errors(options, name, folder):
    """Held-out MSE on one data set, a value for each seed: of mynah, and of PyTorch with mynah's draws and with its own."""
    train, held_out = split(options, name, folder)

    def mynah(seed):
        run_folder = folder / f"{name}.{seed}"
        run(mynah_command(options, train, seed, run_folder), options.core)
        return held_out_error(run_folder / "policy.safetensors", held_out)

    def pytorch(seed, *more):
        policy = folder / f"{name}.{seed}.safetensors"
        run(pytorch_command(options, train, seed, policy, *more), options.core)
        return held_out_error(policy, held_out)

    own_seeds = range(1, options.seeds + 1)
    independent = {"pytorch": [pytorch(seed) for seed in own_seeds]}
    if options.peer_only:
        return {"independent": independent}
    draws = check_draws(options, name, train, folder)
    errors = {seed: mynah(seed) for seed in sorted({*COMMON_SEEDS, *own_seeds})}
    independent["mynah"] = [errors[seed] for seed in own_seeds]
    common = {"mynah": [errors[seed] for seed in COMMON_SEEDS],
              "pytorch": [pytorch(seed, "--mynah-random") for seed in COMMON_SEEDS]}
    return {"draws": draws, "common": common, "independent": independent}


def mean_and_error(values):
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return statistics.fmean(values), spread


def summary(errors):
    """Ratio of means, its relative standard error if the seeds are independent, and a table's cells of it all."""
    cells = {program: mean_and_error(values) for program, values in errors.items()}
    ratio = cells["mynah"][0] / cells["pytorch"][0] if "mynah" in cells else None
    relative_error = sum((error / mean) ** 2 for mean, error in cells.values()) ** 0.5
    texts = [f"{cells[p][0]:.5f} ({cells[p][1]:.5f})" if p in cells else "not run" for p in ("mynah", "pytorch")]
    return ratio, relative_error, [*texts, "-" if ratio is None else f"{ratio:.3f}"]


def compare_held_out(options, folder):
    results, good = {}, True
    for name in DATA_SETS:
        results[name] = held_out_errors(options, name, folder)
        print(f"{name} done", file=sys.stderr)
    if not options.peer_only:
        print(f"\nheld-out MSE with common random numbers, mean of {len(COMMON_SEEDS)} seeds (standard error)\n")
        print("| data | mynah | PyTorch | mynah / PyTorch | of each seed |")
        print("| --- | --- | --- | --- | --- |")
        for name, result in results.items():
            common = result["common"]
            common["ratio"], _, cells = summary(common)
            common["ratios"] = [ours / theirs for ours, theirs in zip(common["mynah"], common["pytorch"])]
            good = good and abs(common["ratio"] - 1) <= 0.05
            print(f"| {name} | {' | '.join(cells)} | {', '.join(f'{ratio:.3f}' for ratio in common['ratios'])} |")
    print(f"\nheld-out MSE, each program with its own draws, mean of {options.seeds} seeds (standard error)\n")
    print("| data | mynah | PyTorch | mynah / PyTorch |")
    print("| --- | --- | --- | --- |")
    for name, result in results.items():
        ratio, relative_error, cells = summary(result["independent"])
        result["independent"]["ratio"], spread = ratio, "" if ratio is None else f" ({ratio * relative_error:.3f})"
        print(f"| {name} | {' | '.join(cells)}{spread} |")
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
    parser.add_argument("--seeds", type=int, default=3, help="seeds of --held-out, each program's own draws (default 3)")
    parser.add_argument("--loader", action="store_true", help="let the script take its batches from torch's DataLoader")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core both are pinned to")
    parser.add_argument("--peer-only", action="store_true", help="run PyTorch alone")
    parser.add_argument("--check", action="store_true",
                        help="exit code 1 unless 15 times as fast and below 60 MB; with --held-out, unless the MSE with common "
                             "random numbers is within 5 %%")
    parser.add_argument("--out", type=pathlib.Path, help="write the results as JSON to this file")
    options = parser.parse_args()
    if options.held_out and options.loader:
        parser.error("--loader draws batches of its own; it goes with the comparison of times only")
    return options


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
