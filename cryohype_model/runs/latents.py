"""latents/<checkpoint>/: what the analysis found for every particle, readable without loading it whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError
from cryohype_model.io.arrays import DAMAGED_NPY, first_line
from cryohype_model.io.atomic import fresh_partial, replace_folder, write_atomically
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run, check_name, complete_folders
from cryohype_model.runs.manifest import utc_now

if TYPE_CHECKING:
    import pandas as pd

SHARD_ROWS = 65536  # of another process, taken in at a time


@contextmanager
def _damage_told(path: Path) -> Iterator[Path]:
    """The path; what the libraries say of a damaged or missing file becomes a RunError."""
    from pyarrow import ArrowException

    try:
        yield path
    except (*DAMAGED_NPY, ArrowException) as error:
        raise RunError(f"{path} is missing or damaged ({first_line(error)}); run `cryohype analyze` again") from None


@dataclass(frozen=True)
class LatentSpace:
    """A read handle on one finished latents folder; arrays are read when first asked for."""

    path: Path

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint that the latents were made with."""
        return self.path.name

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What meta.json says: count, q, created, and what the analysis added."""
        try:
            return dict(json.loads((self.path / "meta.json").read_text(encoding="utf-8")))
        except ValueError:
            raise RunError(f"{self.path / 'meta.json'} is damaged; analyze the run again") from None

    @cached_property
    def pca(self) -> np.memmap[Any, np.dtype[np.float32]]:
        """(N, q) float32 principal components, memory-mapped read-only."""
        with _damage_told(self.path / "pca.npy") as path:
            return np.lib.format.open_memmap(path, mode="r")

    @cached_property
    def basis(self) -> dict[str, npt.NDArray[Any]]:
        """The principal axes and whatever else turns components back into latents."""
        with _damage_told(self.path / "pca_basis.npz") as path, path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            return {name: arrays[name] for name in arrays.files}

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a particle: index, umap_x, umap_y, cluster, label, loss, and what the analysis added."""
        import pandas as pd

        with _damage_told(self.path / "table.parquet") as path:
            return pd.read_parquet(path)

    @cached_property
    def columns(self) -> dict[str, np.dtype[Any]]:
        """Names and types of the table's columns; its values are not read."""
        from pyarrow.parquet import read_schema

        with _damage_told(self.path / "table.parquet") as path:
            return {field.name: np.dtype(field.type.to_pandas_dtype()) for field in read_schema(path)}

    def column(self, name: str) -> npt.NDArray[Any]:
        """(N,) one column of the table, read anew; the others are not.

        Parameters
        ----------
        name : one of :attr:`columns`.
        """
        from pyarrow.parquet import ParquetFile

        with _damage_told(self.path / "table.parquet") as path, ParquetFile(path) as file:
            return np.asarray(file.read([name]).column(name).to_numpy())

    @property
    def cluster(self) -> npt.NDArray[np.int64] | None:
        """(N,) cluster of each particle (-1: none), or None where no clusters were made."""
        return self._integers("cluster")

    @property
    def label(self) -> npt.NDArray[np.int64] | None:
        """(N,) known class of each particle, or None where it is not known."""
        return self._integers("label")

    def __len__(self) -> int:
        try:
            return int(self.meta["count"])
        except (KeyError, TypeError, ValueError):
            raise RunError(f"{self.path / 'meta.json'} does not tell the number of particles; analyze the run again") from None

    def _integers(self, column: str) -> npt.NDArray[np.int64] | None:
        return self.column(column).astype(np.int64) if column in self.columns else None


class LatentWriter:
    """Fills ``latents/<checkpoint>.partial`` row by row; :meth:`finish` gives it its name.

    Parameters
    ----------
    run : an existing run.
    checkpoint_name : the checkpoint's file name without suffix, such as ``step-00010000``.
    count : number of particles, N.
    q : number of principal components kept.
    """

    def __init__(self, run: Run, checkpoint_name: str, count: int, q: int) -> None:
        self._final = run.latents / check_name(checkpoint_name, "checkpoint")
        self._partial = fresh_partial(self._final)
        path = self._partial / "pca.npy"
        self._pca = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, q))
        try:
            _occupy(path, self._pca.offset, self._pca.nbytes)
        except OSError:
            self.abandon()
            raise
        self._loss = np.full(count, np.nan, np.float32)
        self._written = np.zeros(count, bool)

    def write(self, rows: npt.ArrayLike, pca_rows: npt.ArrayLike, loss_rows: npt.ArrayLike) -> None:
        """Store some particles, in any order.

        Parameters
        ----------
        rows : (b,) zero-based particle numbers.
        pca_rows : (b, q) their principal components.
        loss_rows : (b,) their losses.
        """
        index = np.asarray(rows)
        self._pca[index] = pca_rows
        self._loss[index] = loss_rows
        self._written[index] = True

    def take_in(self, rows: range) -> None:
        """Store the particles of a finished :class:`LatentShard`, and remove it.

        Raises
        ------
        RunError : it is not there, or not whole.
        """
        path, q = _shard_path(self._partial, rows), self._pca.shape[1]
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise RunError(f"{path} of another process is not here; all machines must see the run in one shared folder") from None
        with file:
            for start in range(rows.start, rows.stop, SHARD_ROWS):
                count = min(SHARD_ROWS, rows.stop - start)
                numbers = np.fromfile(file, np.float32, count * (q + 1))
                if len(numbers) != count * (q + 1):
                    raise RunError(f"{path} of another process ends early; run `cryohype analyze` again")
                part = numbers.reshape(count, q + 1)
                self.write(np.arange(start, start + count), part[:, :q], part[:, q])
        path.unlink()

    @property
    def pca(self) -> npt.NDArray[np.float32]:
        """(N, q) what has been written so far, memory-mapped."""
        return self._pca

    def abandon(self) -> None:
        """Remove what has been written so far; an older folder of the name stays."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def finish(self, table: pd.DataFrame, basis: dict[str, npt.NDArray[Any]], meta: dict[str, Any]) -> LatentSpace:
        """Write the table, the basis and last meta.json, then rename; an older folder of the name is replaced.

        Parameters
        ----------
        table : (N rows) umap_x, umap_y, cluster, label ...; ``index`` and ``loss`` are added where missing.
        basis : numeric arrays of the principal axes.
        meta : facts of the analysis, JSON values.

        Raises
        ------
        RunError : particles were left out, or the table has another length.
        """
        count, q = self._pca.shape
        missing = int(count - self._written.sum())
        if missing or len(table) != count:
            raise RunError(
                f"the latents of {self._final.name} are incomplete: {missing} of {count} particles were not written and the "
                f"table has {len(table)} rows; run `cryohype analyze` again"
            )
        self._pca.flush()
        np.savez(self._partial / "pca_basis.npz", allow_pickle=False, **basis)
        columns = {name: column for name, column in (("index", np.arange(count)), ("loss", self._loss)) if name not in table}
        table.assign(**columns).to_parquet(self._partial / "table.parquet", index=False)
        facts = {"format_version": RUN_FORMAT_VERSION, "checkpoint": self._final.name, "created": utc_now().isoformat()}
        content = json.dumps(meta | facts | {"count": count, "q": q}, indent=2) + "\n"
        write_atomically(self._partial / "meta.json", content)
        replace_folder(self._partial, self._final)
        return LatentSpace(self._final)


class LatentShard:
    """Consecutive rows of a :class:`LatentWriter` of another process, perhaps on another machine.

    It has a file of its own: two machines that write to one page of a file on NFS undo each other's writing.

    Parameters
    ----------
    run, checkpoint_name, q : as of the writer, which must have been made. rows : which particles.

    Raises
    ------
    RunError : the writer's folder is not to be seen from here.
    """

    def __init__(self, run: Run, checkpoint_name: str, rows: range, q: int) -> None:
        self._path = _shard_path(run.latents / f"{checkpoint_name}.partial", rows)
        self._q = q
        try:
            self._file = self._path.open("wb")
        except FileNotFoundError:
            raise RunError(f"{self._path.parent} is not here; all machines must see the run in one shared folder") from None

    def write(self, _rows: npt.ArrayLike, pca_rows: npt.ArrayLike, loss_rows: npt.ArrayLike) -> None:
        """Store the next particles; they come in order."""
        pca = np.asarray(pca_rows, np.float32).reshape(-1, self._q)
        self._file.write(np.column_stack([pca, np.asarray(loss_rows, np.float32)]).tobytes())

    def close(self) -> None:
        """The file is whole, and on the disk: another machine may read it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Remove the file."""
        with suppress(OSError):  # a full disk also has nowhere to put what is still in memory
            self._file.close()
        self._path.unlink(missing_ok=True)


def _shard_path(partial: Path, rows: range) -> Path:
    return partial / f"rows-{rows.start}-{rows.stop}.f32"


def _occupy(path: Path, start: int, count: int) -> None:
    """Write zeros over a sparse file that is mapped: a full disk is an OSError here, and kills the process in the map."""
    zeros = bytes(1 << 20)
    with path.open("r+b") as file:
        file.seek(start)
        for done in range(0, count, len(zeros)):
            file.write(zeros[: count - done])


def read_latents(run: Run, checkpoint: str | None = None) -> LatentSpace:
    """The latents of a checkpoint, or the newest complete ones.

    Raises
    ------
    RunError : there are none, or of another format version.
    """
    spaces = [LatentSpace(path) for path in complete_folders(run.latents) if checkpoint in (None, path.name)]
    if not spaces:
        of = f" of checkpoint {checkpoint!r}" if checkpoint else ""
        raise RunError(f"{run.path} holds no latents{of}; make them with `cryohype analyze {run.path}`")
    newest = max(spaces, key=lambda space: (space.meta["created"], space.path.stat().st_mtime_ns))
    version = newest.meta.get("format_version")
    if version != RUN_FORMAT_VERSION:
        raise RunError(f"{newest.path} has format version {version}, not {RUN_FORMAT_VERSION}; run `cryohype analyze` again")
    return newest
