#!/usr/bin/env python3
"""torch.nn.CrossEntropyLoss with each of its options, the place of the largest score, and how often it is right."""

import torch

from dump import Dump, add_loss

dump = Dump("classification")


def case(name, logits=None, ignored=None, sample_weights=None, **options):
    logits = 2 * torch.randn(9, 13) if logits is None else logits
    labels = torch.randint(logits.shape[1], (logits.shape[0],))
    if ignored is not None:
        labels[1::3] = ignored
        options["ignore_index"] = ignored
    loss = torch.nn.CrossEntropyLoss(**options)
    if sample_weights is None:
        add_loss(dump, name, lambda l: loss(l, labels), [("logits", logits)], labels=labels,
                 class_weights=options.get("weight"))
    else:
        each = torch.nn.CrossEntropyLoss(reduction="none", **options)
        weights = torch.rand(logits.shape[0])
        add_loss(dump, name, lambda l: (each(l, labels) * weights).mean(), [("logits", logits)], labels=labels,
                 weights=weights)
    largest = logits.argmax(dim=1)
    dump.case(name, argmax=largest.float(), correct=(largest == labels).sum().float().reshape(1))


case("plain")
case("binary", logits=torch.randn(33, 2))
case("many", logits=torch.randn(3, 150))
case("weighted", sample_weights=True)
case("class_weights", weight=torch.rand(13))
case("label_smoothing", label_smoothing=0.1)
case("ignored", ignored=-100)
case("ignored_class", ignored=4)
case("all", weight=torch.rand(13), label_smoothing=0.2, ignored=-1)
case("extremes", logits=torch.tensor([[1e4, -1e4, 0.0, 1e4], [-1e4, -1e4, -1e4, -1e4], [88.0, 89.0, 90.0, 100.0]]))

if __name__ == "__main__":
    dump.main()
