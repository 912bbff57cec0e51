"""What contenders do in warm processes, each of them the same in every round, beside the arithmetic limit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.asking import Answer, Contender, interleaved
from benchmarks.speed.case import Prepared, Sizes
from benchmarks.speed.comparison import Clock, Comparison

OURS, PLAIN, DRGN, LIMIT = "ours", "plain formulation of the paper", "cryoDRGN", "products alone"
PCA_LENGTH, PCA_COMPONENTS = 256, 32
POINTS = 2000  # of the PCA and the UMAP
UMAP_LENGTH = 8
Contenders = Mapping[str, Contender]


@dataclass(frozen=True)
class Part:
    """One kind of work.

    Attributes
    ----------
    what : for the table. duty : asked for. request : its details in a round of this number.
    amount, unit : as in a comparison. targets : times faster than a rival, of issue 6. rivals : that have such a duty.
    products : details of the bare products that are its arithmetic limit; None where it is not matrix products.
    """

    what: str
    duty: str
    request: Callable[[int], dict[str, Any]]
    amount: float
    unit: str
    rivals: tuple[str, ...] = (DRGN,)
    targets: Mapping[str, float] = field(default_factory=dict)
    products: dict[str, Any] | None = None


@contextmanager
def contenders(prepared: Prepared, rival_python: Path, rivals: list[str]) -> Iterator[Contenders]:
    """The processes, each warm from its first request on."""
    duties: list[str | Path] = [sys.executable, "-m", "benchmarks.speed.duties"]
    files: list[str | Path] = [prepared.config, prepared.run]
    commands: dict[str, list[str | Path]] = {OURS: [*duties, "ours", *files]}
    if PLAIN in rivals:
        commands[PLAIN] = [*duties, "plain", *files]
    if DRGN in rivals:
        commands[DRGN] = [rival_python.absolute(), "-m", "benchmarks.speed.drgn_duties", prepared.settings]
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Contender(name, command, prepared.folder / "logs" / f"{name.replace(' ', '-')}.log"))
            for name, command in commands.items()
        }


def parts_of(name: str, sizes: Sizes, steps: int, maps: int, folder: Path, promised: bool) -> list[Part]:
    """The parts of one word of ``--what``.

    Parameters
    ----------
    steps, maps : of training and volumes in a round. folder : for vectors. promised : whether the targets are for this size.
    """
    half_disc = round(np.pi / 8 * sizes.box_px**2)
    if name == "train":
        products = _products(sizes, "inr", half_disc, backward=True)
        return [Part("training", "train", lambda number: {"batches": sizes.batches(number, steps)}, sizes.batch * steps, "images",
                     (PLAIN, DRGN), {PLAIN: 2.0, DRGN: 1.0} if promised else {}, products)]  # fmt: skip
    if name == "volume":
        products = _products(sizes, "inr", half_disc, backward=False)
        box, count, targets = sizes.box_px, {"count": maps}, {DRGN: 3.0} if promised else {}
        return [
            Part(f"volume {box}³, computing alone", "volume", lambda _: count, maps, "", (PLAIN, DRGN),
                 targets, products),
            Part(f"first map that is seen, of {box}³", "first_map", lambda _: count, maps, ""),
        ]  # fmt: skip
    if name == "encode":
        products = _products(sizes, "encoder", 64 * sizes.batch, backward=False)
        return [Part("encoding", "encode", lambda _: {}, sizes.images, "images", products=products)]
    if name == "loader":
        request = {"batches": sizes.batches(0, max(1, sizes.images // sizes.batch))}
        amount = sum(map(len, request["batches"]))
        return [
            Part("loader, images as stored", "load", lambda _: request, amount, "images"),
            Part("loader, images as the networks read them", "prepare", lambda _: request, amount, "images"),
        ]
    pca, umap = _vectors(folder, PCA_LENGTH), _vectors(folder, UMAP_LENGTH)
    return [
        Part(f"PCA of {POINTS} × {PCA_LENGTH}", "pca", lambda _: {"file": str(pca), "components": PCA_COMPONENTS}, 1, ""),
        Part(f"UMAP of {POINTS} × {UMAP_LENGTH}", "umap", lambda _: {"file": str(umap)}, 1, ""),
    ]


def compared(part: Part, found: Contenders, rounds: int, clock: Clock) -> tuple[list[Comparison], str]:
    """Measure a part; a comparison with each rival, and a sentence on the operations that were counted.

    Parameters
    ----------
    clock : of the share of the arithmetic limit and of the rate of products: "wall" where a GPU computes.
    """

    def asked(contender: Contender, duty: str, details: Callable[[int], dict[str, Any]]) -> Callable[[int], Answer]:
        return lambda number: contender.ask(duty, **details(number))

    taking = {name: one for name, one in found.items() if name == OURS or name in part.rivals}
    work = {name: asked(one, part.duty, part.request) for name, one in taking.items()}
    if part.products is not None:
        products = part.products
        work[LIMIT] = asked(found[OURS], "products", lambda _: products)
    answers = interleaved(work, rounds, part.what)
    flops: dict[str, float] = {}
    if part.products is not None:
        flops = {name: one.ask("count", duty=part.duty, **part.request(0)).facts["flops"] for name, one in taking.items()}
    rows = [
        Comparison(part.what, name, answers[OURS], answers[name], part.amount, part.unit, part.targets.get(name), flops.get(OURS),
                   answers.get(LIMIT, []), clock)
        for name in taking if name != OURS
    ]  # fmt: skip
    return rows, _operations(part, flops, answers.get(LIMIT, []), clock)


def _operations(part: Part, flops: Mapping[str, float], limit: list[Answer], clock: Clock) -> str:
    """What was counted, and how fast this machine multiplies such matrices."""
    if not flops:
        return ""
    each = ", ".join(f"{name} {number / part.amount / 1e9:.2f}" for name, number in flops.items())
    rates = [answer.facts["flops"] / getattr(answer, clock) / 1e9 for answer in limit]
    return (
        f"{part.what.capitalize()}: GFLOP for one {part.unit.removesuffix('s') or 'map'}, counted: {each}. "
        f"Products alone: {np.median(rates):.0f} GFLOP/s, best round {max(rates):.0f}."
    )


def _products(sizes: Sizes, of: str, rows: int, *, backward: bool) -> dict[str, Any]:
    """The products of one image's half disc, or one batch's tokens, as often as takes about a second, at most."""
    count = min(100, max(1, round(16e9 / (6 * rows * sizes.hidden**2 * sizes.layers))))
    return {"of": of, "rows": rows, "count": count, "backward": backward}


def _vectors(folder: Path, length: int) -> Path:
    """A file of clustered vectors, as latents are."""
    path = folder / f"vectors-{length}.npy"
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(10, length)) * 3
    np.save(path, (centres[draw.integers(10, size=POINTS)] + draw.normal(size=(POINTS, length))).astype(np.float32))
    return path
