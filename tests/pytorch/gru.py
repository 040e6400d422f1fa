#!/usr/bin/env python3
"""torch.nn.GRU over a sequence, and the derivatives of one step of its gates by PyTorch's double backward."""

import torch

from dump import Dump

dump = Dump("gru")


def every_state(module, x, state=None):
    return module(x, None if state is None else state[None])[0]


def last_state(module, x, state=None):
    return every_state(module, x, state)[:, -1]


dump.layer("every_state", torch.nn.GRU(3, 6, batch_first=True), torch.randn(4, 7, 3), run=every_state)
dump.layer("last_state", torch.nn.GRU(5, 3, batch_first=True), torch.randn(1, 5, 5), run=last_state)
dump.layer("with_a_state", torch.nn.GRU(2, 5, batch_first=True), torch.randn(3, 4, 2), torch.randn(3, 5),
           run=every_state)
dump.layer("last_with_a_state", torch.nn.GRU(4, 8, batch_first=True), torch.randn(2, 3, 4), torch.randn(2, 8),
           run=last_state)


def step(before, state):
    """The state after one step; before: a_r | a_z | q | i."""
    a_r, a_z, q, i = before.chunk(4, dim=1)
    r, z = torch.sigmoid(a_r), torch.sigmoid(a_z)
    n = torch.tanh(i + r * q)
    return (1 - z) * n + z * state


rows, hidden = 5, 7
gates, projection = torch.randn(rows, 4 * hidden), torch.randn(rows, 3 * hidden)
before = gates.clone()
before[:, : 2 * hidden] += projection[:, : 2 * hidden]
before[:, 2 * hidden : 3 * hidden] = projection[:, 2 * hidden :]
leaves = [x.requires_grad_(True) for x in (before, torch.randn(rows, hidden))]
tangents = [torch.randn(rows, 4 * hidden, requires_grad=True), torch.randn(rows, hidden, requires_grad=True)]
g, u = torch.randn(rows, hidden), torch.randn(rows, hidden)
after = step(*leaves)
# The step is elementwise in the state, so that the Jacobian's products with a tangent are sums over the blocks.
slopes = torch.autograd.grad(after.sum(), leaves, create_graph=True)
after_tangent = sum((t * s).reshape(rows, -1, hidden).sum(1) for t, s in zip(tangents, slopes))
both = (g * after).sum() + (u * after_tangent).sum()
of_gates, of_state, of_gate_tangents, of_state_tangent = torch.autograd.grad(
    both, (*leaves, *tangents)
)
dump.case("tangent", gates=gates, projection=projection, state=leaves[1], next=after, gate_tangents=tangents[0],
          state_tangent=tangents[1], next_tangent=after_tangent, g=g, u=u, of_gates=of_gates, of_state=of_state,
          of_gate_tangents=of_gate_tangents, of_state_tangent=of_state_tangent)

if __name__ == "__main__":
    dump.main()
