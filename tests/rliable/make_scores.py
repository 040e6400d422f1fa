#!/usr/bin/env python3
"""Writes tests/rliable/scores.json: scores of two algorithms, and what rliable makes of them.

    python3 -m venv venv && venv/bin/pip install rliable==1.2.0 'pandas<3'
    venv/bin/python tests/rliable/make_scores.py

Scores are [runs, tasks]; some are equal, so that ties count. Intervals are rliable's: percentiles of a bootstrap that
draws runs within each task.
"""
import json
import pathlib
import warnings

import numpy as np

warnings.filterwarnings("ignore")
from rliable import library, metrics  # noqa: E402


def intervals(scores, of, *names):
    _, ends = library.get_interval_estimates(scores, of, reps=20000, random_state=np.random.RandomState(3))
    return {name: list(map(float, pair)) for name, pair in zip(names, next(iter(ends.values())).T)}


def main():
    generator = np.random.default_rng(2021)
    center = np.array([0.2, 0.6, 0.9])
    x = np.round(center + generator.normal(0.08, 0.15, (10, 3)), 2)
    y = np.round(center + generator.normal(0.0, 0.2, (8, 3)), 2)

    def aggregate(scores):
        return np.array([metrics.aggregate_mean(scores), metrics.aggregate_iqm(scores),
                         metrics.aggregate_optimality_gap(scores)])

    data = {"x": x.tolist(), "y": y.tolist()}
    for name, scores in ("x", x), ("y", y):
        values = aggregate(scores)
        data[name + "_values"] = dict(zip(("mean", "iqm", "optimality_gap"), map(float, values)))
        data[name + "_intervals"] = intervals({name: scores}, aggregate, "mean", "iqm", "optimality_gap")
    improvement = lambda a, b: np.array([metrics.probability_of_improvement(a, b)])  # noqa: E731
    data["improvement"] = float(improvement(x, y)[0])
    data["improvement_interval"] = intervals({"x,y": (x, y)}, improvement, "p")["p"]
    path = pathlib.Path(__file__).with_name("scores.json")
    path.write_text(json.dumps(data, indent=1) + "\n")
    print(path.name, data["x_values"], data["x_intervals"], data["improvement"], data["improvement_interval"])


if __name__ == "__main__":
    main()
