#!/usr/bin/env python3
"""Pooling and upsampling of images, and the positions of the largest elements where there are ties, infinities and NaN."""

import math

import torch

from dump import Dump

dump = Dump("pooling")

dump.layer("max", torch.nn.MaxPool2d(2), torch.randn(2, 3, 6, 8))
dump.layer("max_overlapping", torch.nn.MaxPool2d(3, stride=2, padding=1), torch.randn(3, 2, 9, 7))
dump.layer("max_dilated", torch.nn.MaxPool2d((2, 3), stride=(1, 2), padding=(1, 0), dilation=(2, 1)),
           torch.randn(1, 2, 8, 9))
dump.layer("max_ties", torch.nn.MaxPool2d(3, stride=1, padding=1), torch.randint(0, 3, (2, 2, 5, 5)).float())
dump.layer("average", torch.nn.AvgPool2d(2), torch.randn(2, 3, 6, 8))
dump.layer("average_overlapping", torch.nn.AvgPool2d(3, stride=2, padding=1), torch.randn(3, 2, 9, 7))
dump.layer("average_skinny", torch.nn.AvgPool2d((1, 4), stride=(2, 3), padding=(0, 2)), torch.randn(1, 1, 4, 9))
dump.layer("nearest", torch.nn.Upsample(scale_factor=2, mode="nearest"), torch.randn(2, 3, 4, 2))
dump.layer("nearest_unequal", torch.nn.Upsample(scale_factor=(3, 2), mode="nearest"), torch.randn(3, 1, 3, 4))

x = torch.tensor([[0.0, -0.0, 1.0, 1.0], [-math.inf, -math.inf, math.nan, 2.0], [math.inf, math.nan, -math.inf, math.nan],
                  [-math.inf, math.nan, math.inf, math.inf]])
y, positions = torch.nn.functional.max_pool2d(x[None, None], 2, stride=1, return_indices=True)
tangent = torch.randn(4, 4)
dump.case("max_special", x=x.reshape(1, 16), y=y.reshape(1, 9), positions=positions.reshape(1, 9).float(),
          tangent=tangent.reshape(1, 16), y_tangent=tangent.reshape(16)[positions.reshape(1, 9)])

if __name__ == "__main__":
    dump.main()
