"""make benchmark PART=architectures: seconds of a training step for each architecture, and over deeplabv3plus's.

    .venv/bin/python benchmarks/architectures.py [--encoder NAME] [--size 256x192] [--batch 4] [--rounds 5]

Forward, backward and optimizer on random images, one thread, the fastest of the rounds; time is the processor's, which
other programs on the machine change little. Half a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from imbseg.models import ARCHITECTURES
from imbseg.models.decoders import build_network

BESIDE = {"deeplabv3plus": {"decoder_stride": 2, "atrous_rates": "fit"}, "unet": {"decoder_width": 96}}


def main() -> None:
    """Measure, print."""
    given = read_arguments()
    torch.set_num_threads(1)
    cases = [(name, settings) for name in ARCHITECTURES for settings in ({}, BESIDE.get(name)) if settings is not None]
    print("architecture                                      seconds  x deeplabv3plus  MB of weights")
    base = None
    for name, settings in cases:
        network = build_network(name, given.encoder, classes=11, size=given.size, **settings)
        seconds = fastest(network, given)
        base = base or seconds
        words = " ".join([name, *(f"{key}={value}" for key, value in settings.items())])
        weights = sum(one.numel() for one in network.parameters()) * 4 / 1e6
        print(f"{words:50}{seconds:7.2f}{seconds / base:17.2f}{weights:15.0f}", flush=True)


def fastest(network: torch.nn.Module, given: argparse.Namespace) -> float:
    """Processor seconds of a step."""
    width, height = given.size
    images = torch.randn(given.batch, 3, height, width)
    optimizer, found = torch.optim.AdamW(network.train().parameters()), []
    for _ in range(given.rounds):
        started = time.process_time()
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()
        found.append(time.process_time() - started)
    return min(found)


def read_arguments() -> argparse.Namespace:
    """Flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="timm-tf_efficientnet_lite0")
    parser.add_argument("--size", default="256x192", type=lambda text: tuple(map(int, text.split("x"))))
    parser.add_argument("--batch", default=4, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
