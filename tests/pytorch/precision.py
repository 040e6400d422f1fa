"""Rounding of the factors of products, to nearest, ties to even: kernels/precision.h."""

import torch


def rounded_to_tf32(x):
    """The last 13 bits of the fraction rounded away, in integers; finite numbers only."""
    bits = x.detach().contiguous().view(torch.int32).to(torch.int64)
    bits = (bits + 0x0FFF + ((bits >> 13) & 1)) & ~0x1FFF
    return bits.to(torch.int32).view(torch.float32)


def rounded_to_bfloat16(x):
    return x.to(torch.bfloat16).to(torch.float32)


PRECISIONS = {"tf32": rounded_to_tf32, "bfloat16": rounded_to_bfloat16}
