"""What the dump scripts of tests/pytorch share: a file of named cases, written the same way every time.

A script tests/pytorch/FAMILY.py fills a Dump and calls its main():

    dump = Dump("activation")
    dump.case("gelu", x=x, y=torch.nn.functional.gelu(x))
    dump.layer("conv", torch.nn.Conv2d(3, 8, 3), torch.randn(2, 3, 9, 9))
    if __name__ == "__main__":
        dump.main()

and writes tests/pytorch/dumps/FAMILY.safetensors, whose tensors are called CASE.NAME. Everything is float32 or int64 and
comes from torch on the CPU with one thread. Keep cases small: the files are committed.

    bench/peers/setup && .venv/bin/python tests/pytorch/FAMILY.py
"""

import argparse
import json
import pathlib

import torch
from safetensors.torch import save

torch.set_num_threads(1)


def file_bytes(tensors, facts):
    """The tensors as a safetensors file, its header sorted so that the same dump is the same bytes every time."""
    unsorted = save({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, metadata=facts)
    length = int.from_bytes(unsorted[:8], "little")
    header = json.dumps(json.loads(unsorted[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + unsorted[8 + length :]


class Dump:
    def __init__(self, family, seed=1):
        self.family = family
        self.tensors = {}
        torch.manual_seed(seed)

    def case(self, name, **tensors):
        """Adds the tensors of one case; None is left out. A name with a dot or number goes in as {**{...}}."""
        for key, tensor in tensors.items():
            if tensor is not None:
                self.tensors[f"{name}.{key}"] = tensor

    def layer(self, name, module, *inputs, run=None, rename=None, **more):
        """A module's forward and backward pass, as PyTorchCase::expect_layer (tests/operations/pytorch.h) reads it.

        run(module, *inputs) computes the output (default: module(*inputs)); rename maps torch's parameter and buffer names
        to mynah's (None leaves one out). Inputs of whole numbers have no gradient; they are written as floats.
        """
        rename = rename or {}
        leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        tensors = {}
        for kind, pairs in (("tensor", module.named_parameters()), ("tensor", module.named_buffers())):
            for key, value in pairs:
                if rename.get(key, key) is not None:
                    tensors[f"{kind}.{rename.get(key, key)}"] = value.detach().clone()
        output = run(module, *leaves) if run else module(*leaves)
        gradient = torch.randn_like(output)
        output.backward(gradient)
        tensors.update(output=output, output_gradient=gradient)
        for i, leaf in enumerate(leaves):
            tensors[f"input{i}"] = leaf.detach().float()
            if leaf.grad is not None:
                tensors[f"input{i}.grad"] = leaf.grad
        for key, value in module.named_parameters():
            if rename.get(key, key) is not None:
                tensors[f"grad.{rename.get(key, key)}"] = value.grad
        for key, value in module.named_buffers():
            if rename.get(key, key) is not None:
                tensors[f"after.{rename.get(key, key)}"] = value
        tensors.update(more)
        self.case(name, **tensors)

    def main(self):
        parser = argparse.ArgumentParser(description=f"Writes dumps/{self.family}.safetensors.")
        default = pathlib.Path(__file__).resolve().parent / "dumps"
        parser.add_argument("--out", type=pathlib.Path, default=default, help="folder to write to (dumps/)")
        options = parser.parse_args()
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"{self.family}.safetensors"
        path.write_bytes(file_bytes(self.tensors, {"torch": torch.__version__.split("+")[0]}))
        print(f"{path.name}: {len(self.tensors)} tensors, {path.stat().st_size} bytes")


def add_loss(dump, name, loss, predictions, **more):
    """A case of a mean loss of some predictions, [(name, tensor), ...], all with the same rows.

    Holds, beside them and `more`: loss_sum (rows times the value), and for each prediction its gradient, a direction and the
    Hessian times all directions, gradient_tangent (left out where the loss is piecewise linear). With several predictions these are
    called NAME.gradient, NAME.direction, NAME.gradient_tangent.
    """
    leaves = [tensor.clone().requires_grad_(True) for _, tensor in predictions]
    value = loss(*leaves)
    gradients = torch.autograd.grad(value, leaves, create_graph=True)
    directions = [torch.randn_like(leaf) for leaf in leaves]
    slope = sum((g * d).sum() for g, d in zip(gradients, directions))
    tangents = torch.autograd.grad(slope, leaves) if slope.requires_grad else [None] * len(leaves)
    tensors = {"loss_sum": (value * leaves[0].shape[0]).reshape(1), **more}
    for (key, _), leaf, gradient, direction, tangent in zip(predictions, leaves, gradients, directions, tangents):
        prefix = "" if len(leaves) == 1 else f"{key}."
        tensors[key] = leaf
        tensors[prefix + "gradient"] = gradient
        tensors[prefix + "direction"] = direction
        tensors[prefix + "gradient_tangent"] = tangent
    dump.case(name, **tensors)
