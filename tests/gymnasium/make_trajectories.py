#!/usr/bin/env python3
"""Writes tests/data/gymnasium/TASK.npz: 50 episodes of each classic task, made by Gymnasium itself.

    python3 -m venv venv && venv/bin/pip install gymnasium==1.4.0
    venv/bin/python tests/gymnasium/make_trajectories.py

An episode has up to 200 steps (Acrobot's, which is chaotic, 50) and ends early where the task ends it. A file has

    starts        [50, state_size]              float64   the state before the first step
    lengths       [50]                          int64     steps
    terminated    [50]                          bool      whether the task ended it in its last step
    actions       [50, steps]                   int8 or float32; 0 behind an episode's end
    rewards       [50, steps]                   float32; 0 behind an episode's end
    states        [50, steps / 10, state_size]  float64   the state after steps 10, 20, ...; NaN behind an episode's end
    observations  [50, steps / 10, observation_size]  float32, of those states

Forces and torques are multiples of 1/32, given as float64: Gymnasium computes what touches them in the
type that they come in, and mynah computes in double.
"""
import io
import pathlib
import zipfile

import gymnasium
import numpy as np

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "gymnasium"
EPISODES = 50
EVERY = 10


def save(path, arrays):
    """A compressed npz without times, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            memory = io.BytesIO()
            np.lib.format.write_array(memory, array)
            archive.writestr(zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), memory.getvalue(),
                             zipfile.ZIP_DEFLATED)


def write(task, steps, choose, restart=None):
    """choose(episode, state, generator) -> the action as a number; restart(episode, state) -> another start."""
    environment = gymnasium.make(task).unwrapped
    generator = np.random.default_rng(20)
    discrete = isinstance(environment.action_space, gymnasium.spaces.Discrete)
    n = environment.reset(seed=0)[0].size
    size = len(environment.state)
    arrays = {
        "starts": np.zeros((EPISODES, size)),
        "lengths": np.zeros(EPISODES, np.int64),
        "terminated": np.zeros(EPISODES, bool),
        "actions": np.zeros((EPISODES, steps), np.int8 if discrete else np.float32),
        "rewards": np.zeros((EPISODES, steps), np.float32),
        "states": np.full((EPISODES, steps // EVERY, size), np.nan),
        "observations": np.full((EPISODES, steps // EVERY, n), np.nan, np.float32),
    }
    for episode in range(EPISODES):
        environment.reset(seed=episode)
        if restart is not None:
            environment.state = np.array(restart(episode, environment.state))
        arrays["starts"][episode] = environment.state
        for t in range(steps):
            action = choose(episode, [float(v) for v in environment.state], generator)
            arrays["actions"][episode, t] = action
            observation, reward, terminated, _, _ = environment.step(action if discrete else np.array([action]))
            arrays["rewards"][episode, t] = reward
            arrays["lengths"][episode] = t + 1
            if (t + 1) % EVERY == 0:
                arrays["states"][episode, t // EVERY] = environment.state
                arrays["observations"][episode, t // EVERY] = observation
            if terminated:
                arrays["terminated"][episode] = True
                break
    DATA.mkdir(exist_ok=True)
    path = DATA / f"{task}.npz"
    save(path, arrays)
    print(path.name, path.stat().st_size, "bytes,", arrays["lengths"].sum(), "steps,", arrays["terminated"].sum(),
          "ended")


def uniform(generator, bound):
    return round(generator.uniform(-bound, bound) * 32) / 32


def push_cart(episode, state, generator):
    """A rule that keeps the pole up, with the more random pushes the later the episode."""
    if generator.uniform() < episode / EPISODES:
        return int(generator.integers(2))
    return int(state[2] + 0.3 * state[3] + 0.03 * state[0] + 0.06 * state[1] > 0)


def turn_pendulum(episode, state, generator):
    """Random torques, also beyond the bounds; in episode 0 always one way, so that it turns over and over."""
    return 2.0 if episode == 0 else uniform(generator, 3.0)


def drive(episode, state, generator):
    """Along the velocity, which climbs the hill, or at random; to the wall on the left first in episode 0."""
    if episode == 0:
        return 0
    if generator.uniform() < episode / EPISODES:
        return int(generator.integers(3))
    return 2 if state[1] > 0 else 0


def force(episode, state, generator):
    """Random forces, also beyond the bounds; in half of the episodes along the velocity, which climbs the hill."""
    if episode == 0:
        return -1.5
    if episode % 2 == 0:
        return uniform(generator, 1.5)
    return float(np.copysign(abs(uniform(generator, 1.5)), state[1]))


def swing(episode, state, generator):
    """Random torques; in half of the episodes along the elbow's velocity, which swings the links up."""
    if episode % 2 == 0:
        return int(generator.integers(3))
    return 2 if state[3] > 0 else 0


def start_of_pendulum(episode, state):
    return [3.0, 7.5] if episode == 0 else state


def start_of_acrobot(episode, state):
    """Every fourth from anywhere, and fast, so that speeds meet their limits and the tip its height."""
    if episode % 4 != 3:
        return state
    generator = np.random.default_rng(episode)
    return generator.uniform([-2.0, -3.0, -6.0, -12.0], [2.0, 3.0, 6.0, 12.0])


def start_of_car(episode, state):
    return [-1.0, -0.06] if episode == 0 else state


if __name__ == "__main__":
    write("CartPole-v1", 200, push_cart)
    write("Pendulum-v1", 200, turn_pendulum, start_of_pendulum)
    write("MountainCar-v0", 200, drive, start_of_car)
    write("MountainCarContinuous-v0", 200, force, start_of_car)
    write("Acrobot-v1", 50, swing, start_of_acrobot)
