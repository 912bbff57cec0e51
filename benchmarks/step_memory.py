"""What a training step keeps in memory, by preset: counted at the tensors that autograd saves, on a CPU in a few minutes.

.venv/bin/python benchmarks/step_memory.py [--box 128] [--batch 64] [PRESET ...]
"""

from __future__ import annotations

import argparse

import torch

from cryohype_model.config import load_config
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor
from cryohype_model.nets.build import build_model, count_parameters
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.training.memory import kept_bytes

CTF = (15000.0, 15000.0, 0.0, 300.0, 2.7, 0.1, 0.0, 0.0, 1.0)
FIXED_BYTES = 16  # of each parameter: itself, its gradient, Adam's two moments, float32


def images(count: int, box_px: int) -> ParticleBatch:
    """Noise."""
    rotation = torch.linalg.qr(torch.randn(count, 3, 3))[0]
    ctf = torch.tensor([CTF]).repeat(count, 1)
    return ParticleBatch(torch.arange(count), torch.randn(count, box_px, box_px), rotation, torch.zeros(count, 2), ctf)


def measure(preset: str, box_px: int, half: bool, recompute: bool) -> tuple[int, int, int]:
    """Parameters, bytes that an image keeps, bytes that any step keeps."""
    config = load_config(preset=preset)
    loss = SliceLoss(Preprocessor(ImageScale(box_px, box_px, 3.0, 1, 1.0, 0.5, 0.7, 0.3), "cpu"), config.model)
    model = build_model(config.model, box_px)
    model.inr.recompute = recompute
    batch = images(2, box_px)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        one = kept_bytes(lambda: loss(model, batch[:1]).total())
        two = kept_bytes(lambda: loss(model, batch).total())
    parameters = count_parameters(model)
    return parameters, two - one, 2 * one - two + FIXED_BYTES * parameters


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", default=["tomotwin-100", "sim2struct-1000"])
    parser.add_argument("--box", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()
    print(f"| preset, {args.box} px | precision | activations | parameters | an image | batch {args.batch} |")
    print("|---|---|---|---|---|---|")
    for preset in args.presets:
        for half in (False, True):
            for recompute in (False, True):
                parameters, image, fixed = measure(preset, args.box, half, recompute)
                print(
                    f"| `{preset}` | {'bfloat16' if half else 'float32'} | {'twice' if recompute else 'kept'} "
                    f"| {parameters / 1e6:.1f} M | {image / 1e6:.0f} MB | {(fixed + args.batch * image) / 1e9:.1f} GB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
