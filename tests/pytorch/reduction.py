#!/usr/bin/env python3
"""Sums, moments, maxima and norms, histograms, the largest k, prefix sums."""

import torch

from dump import Dump

dump = Dump("reduction")

x = torch.randn(33, 17) + 0.5
dump.case("matrix", x=x, column_sums=x.sum(0), column_mean=x.mean(0), column_variance=x.var(0, unbiased=False),
          column_maxima=x.amax(0), row_sums=x.sum(1), row_mean=x.mean(1), row_variance=x.var(1, unbiased=False),
          row_maxima=x.amax(1), sum=x.sum().reshape(1), **{
              name: torch.linalg.vector_norm(x, order).reshape(1)
              for name, order in (("l1", 1), ("l2", 2), ("maximum", float("inf")))
          })

with_nan = torch.randn(5, 20)
with_nan[1, 3] = with_nan[4, 19] = float("nan")
with_nan[2, 0], with_nan[2, 5] = float("inf"), -float("inf")
values, positions = with_nan.topk(1, dim=1)
dump.case("not_finite", x=with_nan, column_maxima=with_nan.amax(0), row_maxima=with_nan.amax(1), top_values=values,
          top_positions=positions.float())

values = 2 * torch.randn(1000)
values[:6] = torch.tensor([-3.0, 3.0, 3.0001, -3.0001, float("nan"), float("inf")])
counted = values[values.isfinite()]  # torch refuses others
dump.case("histogram", x=values, counts=torch.histc(counted, bins=25, min=-3.0, max=3.0))

wide = torch.randn(9, 70)
values, positions = wide.topk(6, dim=1)
dump.case("top_k", x=wide, values=values, positions=positions.float())

y = torch.randn(4, 130)
inclusive = y.cumsum(1)
suffix = y.flip(1).cumsum(1).flip(1)
dump.case("prefix_sums", x=y, inclusive=inclusive, exclusive=inclusive - y, suffix=suffix, exclusive_suffix=suffix - y)

if __name__ == "__main__":
    dump.main()
