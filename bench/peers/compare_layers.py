"""The forward and backward pass of single layers and losses: mynah beside PyTorch eager, in alternating rounds of one run.

Both run with one thread pinned to one core. A round times every case once with each program for --seconds; which program
goes first alternates from round to round. The table gives, for each, the median over rounds of the round's median, and the
best pass of all rounds, in microseconds; a ratio is PyTorch's time divided by mynah's (above 1: mynah is faster).

A layer's pass is: gradients cleared, forward, backward to its tensors and to its input. A loss's is value and gradient. A
DCGAN's training step is a step of the discriminator, on a real and a generated batch, and one of the generator, with Adam.
"""

import argparse
import json
import os
import pathlib
import sys

from compare import ROOT, Mynah, Peer, processor, run_rounds, with_ratios

# The generator and the discriminator of a DCGAN for images of 28x28.
DCGAN = [
    ("generator 1", "conv_transpose2d:in=64,height=1,width=1,out=128,kernel=7"),
    ("generator 2", "conv_transpose2d:in=128,height=7,width=7,out=64,kernel=4,stride=2,padding=1"),
    ("generator 3", "conv_transpose2d:in=64,height=14,width=14,out=1,kernel=4,stride=2,padding=1"),
    ("discriminator 1", "conv2d:in=1,height=28,width=28,out=64,kernel=4,stride=2,padding=1"),
    ("discriminator 2", "conv2d:in=64,height=14,width=14,out=128,kernel=4,stride=2,padding=1"),
    ("discriminator 3", "conv2d:in=128,height=7,width=7,out=1,kernel=7"),
]
ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "elu", "gelu", "silu", "softplus"]

# name, layer, batch
CASES = (
    [(f"DCGAN {name}, batch {batch}", layer, batch) for name, layer in DCGAN for batch in (1, 16, 64, 128)]
    + [(f"DCGAN training step, batch {batch}", "dcgan_step", batch) for batch in (1, 16, 64, 128)]
    + [(f"GRU, 20 steps, 32 to 64, batch {batch}", "gru:steps=20,features=32,hidden=64", batch) for batch in (1, 16, 64)]
    + [(f"layer norm {rows}x{columns}", f"layer_norm:columns={columns}", rows)
       for rows, columns in ((32, 64), (64, 256), (256, 1024))]
    + [(f"softmax cross-entropy {rows}x{classes}", f"softmax_cross_entropy:classes={classes}", rows)
       for rows, classes in ((64, 10), (64, 1000), (256, 64))]
    + [(f"linear 256-256 and {name}, batch 64", f"linear:in=256,out=256,activation={name}", 64)
       for name in ("relu", "gelu")]
    + [(f"{name} 64x1024", f"nonlinearity:columns=1024,activation={name}", 64) for name in ACTIVATIONS]
)


def timer_arguments(request):
    arguments = ["--layer", request["layer"], "--batch", str(request["batch"])]
    return arguments + (["--processor-time"] if request["processor_time"] else [])


def print_table(results, about):
    print(f"\n{about['processor']}; PyTorch {about['torch']}; {about['device']}; one thread; "
          f"{about['rounds']} rounds of {about['seconds']} s; {about['clock']}\n")
    print("| forward and backward | mynah, median (best) us | PyTorch, median (best) us | ratio of medians (bests) |")
    print("| --- | --- | --- | --- |")
    for result in results:
        ours, peer = result.get("mynah"), result["pytorch"]
        mine = f"{ours['median_us']:.4g} ({ours['best_us']:.4g})" if ours else "not run"
        ratio = f"{result['ratio_of_medians']:.2f} ({result['ratio_of_bests']:.2f})" if ours else "-"
        print(f"| {result['case']} | {mine} | {peer['median_us']:.4g} ({peer['best_us']:.4g}) | {ratio} |")


def parse_case(text):
    layer, _, batch = text.rpartition("@")
    if not layer:
        raise argparse.ArgumentTypeError(f"'{text}' is not LAYER@BATCH")
    return text, layer, int(batch)


def parse_options():
    parser = argparse.ArgumentParser(prog="bench/peers/compare_layers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timer", type=pathlib.Path, default=ROOT / "build/release/bench/mynah_layer_timer",
                        help="mynah's timer (default build/release/bench/mynah_layer_timer)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=0.4, help="time for each case and program in a round (default 0.4)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core both are pinned to")
    parser.add_argument("--only", metavar="TEXT", help="only the cases whose name contains this")
    parser.add_argument("--case", action="append", type=parse_case, metavar="LAYER@BATCH",
                        help="time this layer instead, e.g. layer_norm:columns=64@32 (may be repeated)")
    parser.add_argument("--processor-time", action="store_true",
                        help="measure the processes' processor time instead of the time that passes: for a busy machine")
    parser.add_argument("--peer-only", action="store_true", help="time PyTorch alone")
    parser.add_argument("--out", type=pathlib.Path, help="write the results as JSON to this file")
    return parser.parse_args()


def main():
    options = parse_options()
    if not options.peer_only and not options.timer.exists():
        sys.exit(f"bench/peers/compare_layers: {options.timer} is not there; build it first "
                 "(cmake --preset release && cmake --build --preset release), or name it with --timer")
    cases = [case for case in options.case or CASES if not options.only or options.only in case[0]]
    if not cases:
        sys.exit(f"bench/peers/compare_layers: no case's name contains '{options.only}'")
    peer = Peer("layer_step.py", options.core, options.device)
    programs = {"pytorch": peer}
    if not options.peer_only:
        programs = {"mynah": Mynah(options.timer, timer_arguments, options.core, options.device), "pytorch": peer}
    requests = [{"layer": layer, "batch": batch, "processor_time": options.processor_time} for _, layer, batch in cases]
    times = run_rounds(requests, programs, options.rounds, options.seconds)
    peer.close()

    results = [with_ratios({"case": name, "layer": layer, "batch": batch}, answers)
               for (name, layer, batch), answers in zip(cases, times)]
    about = {"processor": processor(), "torch": peer.about["torch"], "device": options.device, "rounds": options.rounds,
             "seconds": options.seconds, "clock": "processor time" if options.processor_time else "time that passes"}
    print_table(results, about)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
