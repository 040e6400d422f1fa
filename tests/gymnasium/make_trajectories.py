#!/usr/bin/env python3
"""Writes tests/data/cartpole_trajectories.csv and pendulum_trajectories.csv: steps made by Gymnasium itself.

    python3 -m venv venv && venv/bin/pip install gymnasium==1.4.0
    venv/bin/python tests/gymnasium/make_trajectories.py

Each line is one step: the state before it, the action, and what Gymnasium made of it. Numbers are written so that
reading them gives the same bits. Pendulum's torques are numbers that float32 holds exactly, given as float64:
Gymnasium computes what touches the torque in the type it comes in, and mynah computes in double.
"""
import pathlib

import gymnasium
import numpy as np

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


def write(path, environment, episodes, choose, restart=None):
    """choose(episode, state, generator) -> (action for Gymnasium, action as a number)"""
    environment = environment.unwrapped
    generator = np.random.default_rng(20)
    lines = []
    for episode, steps in enumerate(episodes):
        environment.reset(seed=episode)
        if restart is not None:
            environment.state = np.array(restart(episode, environment.state))
        for _ in range(steps):
            before = [float(v) for v in environment.state]
            action, number = choose(episode, before, generator)
            observation, reward, terminated, _, _ = environment.step(action)
            after = [float(v) for v in environment.state]
            fields = [episode, repr(number), *map(repr, before), repr(float(reward)), int(terminated),
                      *map(repr, after), *(repr(float(v)) for v in observation)]
            lines.append(",".join(str(f) for f in fields))
            if terminated:
                break
    n, m = len(before), len(observation)
    heading = ["episode", "action", *(f"before_{i}" for i in range(n)), "reward", "terminated",
               *(f"after_{i}" for i in range(n)), *(f"observation_{i}" for i in range(m))]
    path.write_text("\n".join([",".join(heading), *lines]) + "\n")
    print(path.name, len(lines), "steps")


def push(episode, state, generator):
    """Random pushes; in episode 0 a rule that keeps the pole up."""
    if episode == 0:
        action = int(state[2] + 0.3 * state[3] + 0.03 * state[0] + 0.06 * state[1] > 0)
    else:
        action = int(generator.integers(2))
    return action, action


def turn(episode, state, generator):
    """Random torques, also beyond the bounds; in episode 0 always along the velocity, so that it turns over and over."""
    torque = 2.0 if episode == 0 else float(np.float32(generator.uniform(-3.0, 3.0)))
    return np.array([torque]), torque


write(DATA / "cartpole_trajectories.csv", gymnasium.make("CartPole-v1"), [100] + [500] * 7, push)
write(DATA / "pendulum_trajectories.csv", gymnasium.make("Pendulum-v1"), [100, 100, 100], turn,
      restart=lambda episode, state: [3.0, 7.5] if episode == 0 else state)
