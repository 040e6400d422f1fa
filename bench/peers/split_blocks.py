#!/usr/bin/env python3
"""Cuts demonstrations into two files, for training and held out, so that two programs see exactly the same split.

The rows are cut into blocks of consecutive rows of one episode; every fifth block is held out. A block is an episode in
the files written (layout of the demonstrations: observations, actions, rewards, terminals, episode_ends).

    split_blocks.py --data hopper.npz --train train.npz --held-out held_out.npz [--block 100] [--every 5]
"""

import argparse
import pathlib

import numpy


def blocks_of(episode_ends, block):
    """(first row, end) of every block; the last of an episode may be shorter."""
    blocks, start = [], 0
    for end in episode_ends:
        blocks += [(first, min(first + block, end)) for first in range(start, end, block)]
        start = end
    return blocks


def write(path, data, blocks):
    rows = numpy.concatenate([numpy.arange(first, end) for first, end in blocks])
    arrays = {name: data[name][rows] for name in ("observations", "actions", "rewards", "terminals") if name in data}
    arrays["episode_ends"] = numpy.cumsum([end - first for first, end in blocks]).astype("int64")
    path.parent.mkdir(parents=True, exist_ok=True)
    numpy.savez(path, **arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--train", type=pathlib.Path, required=True)
    parser.add_argument("--held-out", type=pathlib.Path, required=True)
    parser.add_argument("--block", type=int, default=100, help="rows of a block (default 100)")
    parser.add_argument("--every", type=int, default=5, help="hold out one block in this many (default 5)")
    options = parser.parse_args()
    with numpy.load(options.data) as file:
        data = dict(file)
    blocks = blocks_of(data["episode_ends"].tolist(), options.block)
    held_out = blocks[options.every - 1 :: options.every]
    write(options.train, data, [block for block in blocks if block not in held_out])
    write(options.held_out, data, held_out)


if __name__ == "__main__":
    main()
