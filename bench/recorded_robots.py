"""The recorded MuJoCo robots of the shared data, and the returns that a return of theirs is normalised with."""

# Mean returns of uniform random actions and of the recorded expert: of the description of the recorded data.
REFERENCES = {"hopper": (28.4, 3772.67), "half_cheetah": (-291.7, 4205.78), "ant": (-55.2, 4713.65)}


def normalised(robot, value):
    """0 for the random actions' return, 1 for the recorded expert's."""
    random, expert = REFERENCES[robot]
    return (value - random) / (expert - random)
