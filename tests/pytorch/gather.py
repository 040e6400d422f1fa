#!/usr/bin/env python3
"""Rows of a matrix by their numbers."""

import torch

from dump import Dump

dump = Dump("gather")
source, rows = torch.randn(12, 7), torch.randint(12, (19,))
dump.case("rows", source=source, rows=rows, out=source[rows])

if __name__ == "__main__":
    dump.main()
