"""Held-out MSE of behaviour cloning, mynah beside PyTorch, each with its own initial weights and order of rows.

    compare_own_draws --data hopper.npz --first-seed 2001 --seeds 100

The job is that of compare_job. One epoch's held-out MSE varies by 30 % from seed to seed on hopper, so the statistic is the
mean over the last 20 of 100 epochs; the result is the ratio of its means over the seeds, with its standard error if the seeds
are independent. Seeds and statistic are fixed by the options before anything runs; nothing is left out or repeated.

mynah's networks at epochs 81 to 100 come from 20 runs of the program, one for each length: nothing in the job depends on how
many epochs there will be, so that a shorter run is the beginning of a longer one.
"""

import argparse
import contextlib
import io
import json
import pathlib
import statistics
import sys
import tempfile

import torch

import behaviour_cloning
import compare_job

EPOCHS, LAST_EPOCHS = 100, 20


def mynah_error(options, train, held_out, seed, folder):
    errors = []
    for epochs in range(EPOCHS - LAST_EPOCHS + 1, EPOCHS + 1):
        run = folder / f"mynah.{seed}.{epochs}"
        compare_job.run(compare_job.mynah_command(options, train, seed, run, epochs=epochs), options.core)
        policy = argparse.Namespace(evaluate=run / "policy.safetensors", data=held_out)
        errors.append(behaviour_cloning.evaluate(policy)["held_out_mse"])
    return statistics.fmean(errors)


def pytorch_error(train, held_out, seed, folder):
    job = argparse.Namespace(data=train, held_out_data=held_out, hidden=[256], epochs=EPOCHS, batch_size=32,
                             learning_rate=1e-3, seed=seed, standardise=False, loader=False, mynah_random=False,
                             out=folder / f"pytorch.{seed}.safetensors", verbose=False)
    with contextlib.redirect_stdout(io.StringIO()):
        history = behaviour_cloning.train(job)["held_out_mse_per_epoch"]
    return statistics.fmean(history[-LAST_EPOCHS:])


def main():
    parser = argparse.ArgumentParser(prog="bench/peers/compare_own_draws", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="demonstrations (.npz, continuous actions)")
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each program (default 100)")
    parser.add_argument("--first-seed", type=int, default=2001, help="the first of them (default 2001)")
    parser.add_argument("--mynah", type=pathlib.Path, default=compare_job.ROOT / "build/release/mynah",
                        help="the program (default build/release/mynah)")
    parser.add_argument("--core", type=int, default=0, help="core that mynah is pinned to (default 0)")
    parser.add_argument("--out", type=pathlib.Path, help="write the results as JSON to this file")
    options = parser.parse_args()
    options.mynah_options = ""
    torch.set_num_threads(1)
    results = {"mynah": [], "pytorch": []}
    with tempfile.TemporaryDirectory(prefix="mynah-draws-") as name:
        folder = pathlib.Path(name)
        whole, options.data = options.data, options.data.parent
        train, held_out = compare_job.split(options, whole.stem, folder)
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            results["mynah"].append(mynah_error(options, train, held_out, seed, folder))
            results["pytorch"].append(pytorch_error(train, held_out, seed, folder))
            print(f"seed {seed}: mynah {results['mynah'][-1]:.6f} PyTorch {results['pytorch'][-1]:.6f}", file=sys.stderr)
    ratio, relative_error, cells = compare_job.summary(results)
    print(f"{whole.name}, {options.seeds} seeds from {options.first_seed}: mynah {cells[0]}, PyTorch {cells[1]}, "
          f"ratio {ratio:.3f} ({ratio * relative_error:.3f})")
    if options.out:
        facts = {"data": whole.stem, "first_seed": options.first_seed, "last_epochs": LAST_EPOCHS, "ratio": ratio,
                 "ratio_standard_error": ratio * relative_error, "torch": torch.__version__}
        options.out.write_text(json.dumps({**facts, **results}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
