"""Whether mynah_random.py draws what the program draws: initial weights bit for bit, and the order of the rows.

The weights are seen through a job whose learning rate is too small to change them; the order through one epoch of the
real job in both programs, since another order of rows would leave other weights.
"""

import numpy
from safetensors.numpy import load_file

import mynah_random

# Adam moves a weight by up to about the learning rate, 1e-3, in a step; rounding alone makes a difference of 1e-7 in an
# epoch.
LARGEST_DIFFERENCE_AFTER_AN_EPOCH = 1e-5


def tensors_of(policy):
    """Weight, bias, weight, bias, ... of a saved policy with one hidden layer."""
    tensors = load_file(policy)
    return [tensors[name] for name in ("0.weight", "0.bias", "2.weight", "2.bias")]


def initial_weights_differ(policy, seed):
    """How many values of a policy that has not moved yet are not, bit for bit, those of mynah_random."""
    tensors = tensors_of(policy)
    hidden, observation_size = tensors[0].shape
    layers = mynah_random.linear_layers(seed, [observation_size, hidden, len(tensors[3])])
    drawn = [tensor for layer in layers for tensor in layer]
    return sum(int((ours.view("uint32") != theirs.view("uint32")).sum()) for ours, theirs in zip(tensors, drawn))


def largest_difference(policy, other):
    return max(float(numpy.abs(ours - theirs).max()) for ours, theirs in zip(tensors_of(policy), tensors_of(other)))
