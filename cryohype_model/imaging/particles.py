"""Particles: lazy images and their table, handed out in batches of tensors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.io.images import ImageStacks
from cryohype_model.io.table import ParticleTable


@dataclass(frozen=True)
class ParticleBatch:
    """b particles: images as stored and what the model needs to know of each.

    Attributes
    ----------
    index : (b,) row of each in the table.
    images : (b, S, S) float32.
    rotation : (b, 3, 3). shift_px : (b, 2) in stored pixels. ctf : (b, 9) or None.
    """

    index: Tensor
    images: Tensor
    rotation: Tensor
    shift_px: Tensor
    ctf: Tensor | None

    def __getitem__(self, part: slice) -> ParticleBatch:
        """Some of the particles."""
        ctf = None if self.ctf is None else self.ctf[part]
        return ParticleBatch(self.index[part], self.images[part], self.rotation[part], self.shift_px[part], ctf)

    def to(self, device: torch.device) -> ParticleBatch:
        """The batch on a device; the copy from pinned memory overlaps with computing."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return ParticleBatch(
            move(self.index),
            move(self.images),
            move(self.rotation),
            move(self.shift_px),
            None if self.ctf is None else move(self.ctf),
        )


class Particles:
    """Images stay on disk; ``batch(rows)`` reads the rows asked for, in flat host memory.

    Parameters
    ----------
    table : the particles. Rotations default to the identity where the file has none.
    """

    def __init__(self, table: ParticleTable) -> None:
        self.table = table
        self.images = ImageStacks(table)
        self._ctf = None if table.ctf is None else table.ctf.as_array()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def even_box_px(self) -> int:
        """Side of the images, one less where it is odd."""
        return self.table.box_px // 2 * 2

    def batch(self, rows: npt.ArrayLike, pin: bool = False) -> ParticleBatch:
        """Read the images of these rows, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        rotation = np.eye(3, dtype=np.float32)[None].repeat(len(index), 0)
        if self.table.rotation is not None:
            rotation = self.table.rotation[index]

        def tensor(array: npt.NDArray[np.generic]) -> Tensor:
            host = torch.from_numpy(np.ascontiguousarray(array))
            return host.pin_memory() if pin else host

        return ParticleBatch(
            tensor(index),
            tensor(self.images.read(index)),
            tensor(rotation),
            tensor(self.table.shift_px[index]),
            None if self._ctf is None else tensor(self._ctf[index]),
        )

    def prefetch(self, row_lists: Iterable[npt.ArrayLike], depth: int = 3, pin: bool = False) -> Iterator[ParticleBatch]:
        """Batches for these rows, read by a thread a few batches ahead of the one in use."""
        ready: queue.Queue[ParticleBatch | BaseException | None] = queue.Queue(maxsize=depth)
        stop = threading.Event()

        def deliver(item: ParticleBatch | BaseException | None) -> None:
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    return
                except queue.Full:
                    continue

        def read() -> None:
            try:
                for rows in row_lists:
                    if stop.is_set():
                        return
                    deliver(self.batch(rows, pin))
                deliver(None)
            except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
                deliver(error)

        thread = threading.Thread(target=read, name="particle-reader", daemon=True)
        thread.start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            thread.join()


def row_chunks(count: int, size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows 0 … count - 1 in consecutive chunks."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))
