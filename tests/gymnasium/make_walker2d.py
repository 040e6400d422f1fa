#!/usr/bin/env python3
"""Writes tests/data/gymnasium/Walker2d-v4.npz: steps of Gymnasium's Walker2d-v4, whose rules are those of version 2, with
the model tests/data/walker.xml in place of its own.

    python3.10 -m venv venv && venv/bin/pip install gymnasium==1.4.0 mujoco==2.2.2 imageio packaging
    venv/bin/python tests/gymnasium/make_walker2d.py

Every row is one step, from its state as it stands there:

    positions          [N, 9]   float64   before the step
    velocities         [N, 9]   float64
    actions            [N, 6]   float32   also beyond the motors' range
    rewards            [N]      float64
    next_observations  [N, 17]  float64
    terminated         [N]      bool
"""

import numpy as np
from gymnasium.envs.mujoco.walker2d_v4 import Walker2dEnv

from make_trajectories import DATA, save

MODEL = DATA.parent / "walker.xml"
STEPS = 20


class Walker(Walker2dEnv):
    def _initialize_simulation(self):
        self.fullpath = str(MODEL)
        return super()._initialize_simulation()


def start(z=None, pitch=0.0, vz=0.0, pitch_rate=0.0, joint_rate=0.0):
    """A start above the floor, or with z=None one of the task's own."""
    return z, pitch, vz, pitch_rate, joint_rate


STARTS = [
    *[start()] * 4,
    start(z=1.96, vz=3.0),                 # rises beyond 2
    start(z=1.96),                         # falls
    start(z=0.84, vz=-1.0),                # sinks below 0.8
    start(z=1.5, pitch=0.9, pitch_rate=3.0),
    start(z=1.5, pitch=-0.9, pitch_rate=-3.0),
    start(z=1.5, pitch=0.9),
    start(z=1.6, joint_rate=15.0),         # velocities beyond what is observed
    start(z=1.6, pitch_rate=-12.0),
]


def main():
    environment = Walker()
    generator = np.random.default_rng(5)
    rows = {name: [] for name in ("positions", "velocities", "actions", "rewards", "next_observations", "terminated")}
    for episode, (z, pitch, vz, pitch_rate, joint_rate) in enumerate(STARTS):
        environment.reset(seed=episode)
        if z is not None:
            positions, velocities = environment.init_qpos.copy(), environment.init_qvel.copy()
            positions[0], positions[1], positions[2] = 3.0, z, pitch
            positions[3:] = [-0.6, -1.2, 0.1, -0.2, -0.9, -0.1]
            velocities[1], velocities[2] = vz, pitch_rate
            velocities[3:] = joint_rate * np.array([-1, 1, 1, -1, 1, -1])
            environment.set_state(positions, velocities)
        for _ in range(STEPS):
            action = generator.uniform(-1.5, 1.5, 6).astype(np.float32)
            rows["positions"].append(environment.data.qpos.copy())
            rows["velocities"].append(environment.data.qvel.copy())
            observation, reward, terminated, _, _ = environment.step(action)
            rows["actions"].append(action)
            rows["rewards"].append(reward)
            rows["next_observations"].append(observation)
            rows["terminated"].append(terminated)
            if terminated:
                break
        print(episode, "ended" if terminated else "went on", len(rows["rewards"]))
    path = DATA / "Walker2d-v4.npz"
    save(path, {name: np.array(values) for name, values in rows.items()})
    print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
