import multiprocessing
import pickle
import resource
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryohype_model.errors import InputFileError
from cryohype_model.io.images import OPEN_STACKS, ImageStacks
from cryohype_model.io.particles import read_particles
from cryohype_model.io.stack_writer import StackWriter
from cryohype_model.io.table import ParticleTable


def _table(paths: list[Path], stack: list[int], frame: list[int], box: int = 8) -> ParticleTable:
    first = read_particles(paths[0])
    count = len(frame)
    return replace(
        first[np.zeros(count, dtype=int)],
        stacks=tuple(paths),
        stack_index=np.array(stack),
        frame=np.array(frame),
        box_px=box,
    )


def test_images_come_in_the_order_asked_for(tmp_path: Path, write_stack) -> None:
    data = [write_stack(tmp_path / f"{n}.mrcs", 5, seed=n) for n in range(3)]
    stack, frame = [2, 0, 1, 0, 0, 2], [4, 0, 3, 1, 2, 0]
    images = ImageStacks(_table([tmp_path / f"{n}.mrcs" for n in range(3)], stack, frame))
    order = [5, 0, 3, 3, 1, 4, 2]
    expected = np.stack([data[stack[row]][frame[row]] for row in order])
    np.testing.assert_array_equal(images.read(order), expected)
    assert images.read([]).shape == (0, 8, 8)


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_types_and_byte_orders(tmp_path: Path, kind: str, order: str) -> None:
    values = np.arange(2 * 16).reshape(2, 4, 4).astype(kind)
    path = tmp_path / "a.mrcs"
    with mrcfile.new(path) as mrc:
        mrc.set_data(values)
    if order == ">":
        raw = path.read_bytes()
        header = np.frombuffer(raw[:1024], "<i4").astype(">i4").tobytes()
        path.write_bytes(header + values.astype(f">{kind}").tobytes())
    images = ImageStacks(read_particles(path)).read([1, 0])
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, values[::-1].astype(np.float32))


def test_more_stacks_than_open_files(tmp_path: Path, write_stack) -> None:
    count = 3 * OPEN_STACKS
    paths = [tmp_path / f"{n}.mrcs" for n in range(count)]
    data = np.concatenate([write_stack(path, 1, seed=n) for n, path in enumerate(paths)])
    images = ImageStacks(_table(paths, list(range(count)), [0] * count))
    order = np.random.default_rng(0).permutation(count)
    np.testing.assert_array_equal(images.read(order), data[order])
    np.testing.assert_array_equal(images.read(order[:5]), data[order[:5]])


def _read_in_child(images: ImageStacks, queue: "multiprocessing.Queue[float]") -> None:
    queue.put(float(images.read([1]).sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_images_read_in_another_process(tmp_path: Path, write_stack, method: str) -> None:
    data = write_stack(tmp_path / "a.mrcs")
    images = ImageStacks(read_particles(tmp_path / "a.mrcs"))
    images.read([0])
    if method == "spawn":  # what a spawned worker gets is a pickle
        images = pickle.loads(pickle.dumps(images))  # noqa: S301  our own object, made a line before
        assert float(images.read([1]).sum()) == pytest.approx(float(data[1].sum()))
        return
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_read_in_child, args=(images, queue))
    child.start()
    assert queue.get(timeout=30) == pytest.approx(float(data[1].sum()))
    child.join()


def test_reading_a_stack_leaves_memory_flat(tmp_path: Path) -> None:
    path = tmp_path / "a.mrcs"
    block = np.zeros((250, 64, 64), dtype=np.float32)
    with StackWriter(path, 8000, 64, 1.0) as stack:  # 131 MB
        for _ in range(32):
            stack.append(block)
    images = ImageStacks(read_particles(path))
    images.read(np.arange(64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    order = np.random.default_rng(0).permutation(8000)
    for start in range(0, 8000, 64):
        images.read(order[start : start + 64])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kB


def test_nan_image_is_named(tmp_path: Path, write_stack) -> None:
    path = tmp_path / "a.mrcs"
    data = write_stack(path)
    data[2, 3, 4] = np.nan
    path.write_bytes(path.read_bytes()[:1024] + data.tobytes())
    images = ImageStacks(read_particles(path))
    images.read([0, 1, 3])
    with pytest.raises(InputFileError, match=r"image 3 of .*a\.mrcs \(particle 2\) holds values that are not finite"):
        images.read([0, 2])


def test_stack_that_shrinks_while_it_is_read(tmp_path: Path, write_stack) -> None:
    path = tmp_path / "a.mrcs"
    write_stack(path)
    images = ImageStacks(read_particles(path))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputFileError, match="ends inside image 4"):
        images.read([3])
