"""The random numbers of mynah in numpy, so that a PyTorch script can start from the same weights and take the same batches.

Written from kernels/philox.h, kernels/random_numbers.h, kernels/random.cpp and kernels/permutation.h; compare_draws.py
compares the results with the program's. The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
"""

import numpy

INITIALIZATION, PERMUTATION = 1, 2  # RandomStream
PERMUTATION_ROUNDS = 6
LOW_WORD = numpy.uint64(0xFFFFFFFF)
WORD_BITS = numpy.uint64(32)


def philox(seed, stream, step, blocks):
    """Words [len(blocks), 4] of the numbered blocks of a stream."""
    x = numpy.asarray(blocks, dtype=numpy.uint64)
    y, z, w = (numpy.full_like(x, word) for word in (step & 0xFFFFFFFF, step >> 32, stream))
    key0, key1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        product0, product1 = numpy.uint64(0xD2511F53) * x, numpy.uint64(0xCD9E8D57) * z
        x, y, z, w = ((product1 >> WORD_BITS) ^ y ^ numpy.uint64(key0), product1 & LOW_WORD,
                      (product0 >> WORD_BITS) ^ w ^ numpy.uint64(key1), product0 & LOW_WORD)
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return numpy.stack([x, y, z, w], axis=-1).astype(numpy.uint32)


def kaiming_uniform(seed, tensor, fan_in, shape):
    """Tensor number `tensor` of a network: uniform within +- 1 / sqrt(fan_in), float32."""
    size = int(numpy.prod(shape))
    words = philox(seed, INITIALIZATION | (tensor << 8), 0, numpy.arange((size + 3) // 4)).reshape(-1)[:size]
    bound = numpy.float32(1.0 / numpy.sqrt(float(fan_in)))
    unit = (words >> numpy.uint32(8)).astype(numpy.float64) / 2**24
    values = (-float(bound) + float(bound - -bound) * unit).astype(numpy.float32)
    return numpy.where(values < bound, values, numpy.nextafter(bound, -bound)).reshape(shape)


def linear_layers(seed, sizes):
    """[(weight, bias)] of a chain of linear layers; tensors are numbered weight, bias, weight, bias, ..."""
    return [(kaiming_uniform(seed, 2 * layer, inputs, (outputs, inputs)),
             kaiming_uniform(seed, 2 * layer + 1, inputs, (outputs,)))
            for layer, (inputs, outputs) in enumerate(zip(sizes[:-1], sizes[1:]))]


def permutation(seed, step, size):
    """The order of `size` rows in epoch `step`, counted from 0: a Feistel network, walked until the result is below size."""
    half_bits = 1
    while 4**half_bits < size:
        half_bits += 1
    halves = numpy.arange(1 << half_bits)
    mask = (1 << half_bits) - 1
    words = [philox(seed, PERMUTATION, step, ((turn << 16) | halves) >> 2)[halves, halves & 3].astype(numpy.int64) & mask
             for turn in range(PERMUTATION_ROUNDS)]
    order = numpy.arange(size)
    walking = numpy.arange(size)
    while len(walking) > 0:
        left, right = order[walking] >> half_bits, order[walking] & mask
        for word in words:
            left, right = right, left ^ word[right]
        order[walking] = (left << half_bits) | right
        walking = walking[order[walking] >= size]
    return order
