"""The forward and backward pass of one layer or loss, or a training step of a DCGAN, in PyTorch.

A pass is what a training step asks of a layer: gradients set to None, forward, backward from a given dL/dy to the layer's
tensors and to its input. Of a loss it is value and gradient; of dcgan_step it is a whole training step of both networks.
Layers are written as for `mynah-bench run --layer`: conv2d:in=1,height=28,width=28,out=64,kernel=4,stride=2,padding=1
"""

import torch

from worker import Refused


class Spec:
    """KIND:NAME=VALUE,..."""

    def __init__(self, text):
        self.kind, _, rest = text.partition(":")
        self.options = dict(option.split("=") for option in rest.split(",") if option)

    def number(self, name, otherwise=None):
        return int(self.options[name]) if otherwise is None else int(self.options.get(name, otherwise))


ACTIVATIONS = {
    "none": torch.nn.Identity, "relu": torch.nn.ReLU, "leaky_relu": torch.nn.LeakyReLU, "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid, "elu": torch.nn.ELU, "gelu": torch.nn.GELU, "silu": torch.nn.SiLU,
    "softplus": torch.nn.Softplus,
}


class EveryState(torch.nn.Module):
    """The first of what torch.nn.GRU returns."""

    def __init__(self, features, hidden):
        super().__init__()
        self.gru = torch.nn.GRU(features, hidden, batch_first=True)

    def forward(self, sequence):
        return self.gru(sequence)[0]


def linear(spec):
    layers = [torch.nn.Linear(spec.number("in"), spec.number("out"))]
    if spec.options.get("activation", "none") != "none":
        layers.append(ACTIVATIONS[spec.options["activation"]]())
    return torch.nn.Sequential(*layers), [spec.number("in")]


def nonlinearity(spec):
    return ACTIVATIONS[spec.options["activation"]](), [spec.number("columns")]


def convolution(kind):
    def make(spec):
        layer = kind(spec.number("in"), spec.number("out"), spec.number("kernel"), stride=spec.number("stride", 1),
                     padding=spec.number("padding", 0))
        return layer, [spec.number("in"), spec.number("height"), spec.number("width")]

    return make


def gru(spec):
    return EveryState(spec.number("features"), spec.number("hidden")), [spec.number("steps"), spec.number("features")]


def layer_norm(spec):
    return torch.nn.LayerNorm(spec.number("columns")), [spec.number("columns")]


LAYERS = {"linear": linear, "nonlinearity": nonlinearity, "conv2d": convolution(torch.nn.Conv2d),
          "conv_transpose2d": convolution(torch.nn.ConvTranspose2d), "gru": gru, "layer_norm": layer_norm}


def layer_pass(spec, batch, device):
    layer, shape = LAYERS[spec.kind](spec)
    layer = layer.to(device)
    x = torch.randn(batch, *shape, device=device, requires_grad=True)
    gradient = torch.randn_like(layer(x))
    tensors = [x, *layer.parameters()]

    def step():
        for tensor in tensors:
            tensor.grad = None
        layer(x).backward(gradient)

    return step


def loss_pass(spec, batch, device):
    classes = spec.number("classes")
    logits = torch.randn(batch, classes, device=device, requires_grad=True)
    labels = torch.arange(batch, device=device) * 7 % classes

    def step():
        logits.grad = None
        torch.nn.functional.cross_entropy(logits, labels).backward()

    return step


def dcgan_step(_, batch, device):
    """A step of the discriminator and one of the generator: the networks of bench/mynah_bench/dcgan.cpp."""
    nn = torch.nn
    generator = nn.Sequential(
        nn.ConvTranspose2d(64, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh()).to(device)
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(128, 1, 7)).to(device)
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)]
    images, loss = torch.randn(batch, 1, 28, 28, device=device), nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch, 1, device=device), torch.zeros(batch, 1, device=device)

    def train_discriminator():
        optimizers[1].zero_grad()
        with torch.no_grad():
            generated = generator(torch.randn(batch, 64, 1, 1, device=device))
        loss(discriminator(images).flatten(1), ones).backward()
        loss(discriminator(generated).flatten(1), zeros).backward()
        optimizers[1].step()

    def train_generator():
        optimizers[0].zero_grad()
        discriminator.requires_grad_(False)
        loss(discriminator(generator(torch.randn(batch, 64, 1, 1, device=device))).flatten(1), ones).backward()
        discriminator.requires_grad_(True)
        optimizers[0].step()

    def step():
        train_discriminator()
        train_generator()

    return step


PASSES = {"softmax_cross_entropy": loss_pass, "dcgan_step": dcgan_step}


def step_of(layer, batch, device):
    spec = Spec(layer)
    if spec.kind not in PASSES and spec.kind not in LAYERS:
        raise Refused(f"'{spec.kind}' is not among the layers that this script has")
    return PASSES.get(spec.kind, layer_pass)(spec, batch, device)
