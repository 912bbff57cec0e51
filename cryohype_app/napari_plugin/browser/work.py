"""Work in a thread, its results in Qt's own: of several wishes only the newest one's come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from qtpy.QtCore import QObject

from cryohype_model.errors import CryoHypeError, InputFileError

T = TypeVar("T")


class Work:
    """One line of work of a widget; it ends with the widget.

    Parameters
    ----------
    failed : called with what the user can mend. done : called when the newest work has ended, however.
    """

    def __init__(self, owner: QObject, failed: Callable[[Exception], None], done: Callable[[], None] = lambda: None) -> None:
        self._failed, self._done = failed, done
        self._worker: Any = None
        owner.destroyed.connect(self.stop)

    def ask(self, work: Callable[[], Iterable[T]], each: Callable[[T], None]) -> None:
        """Begin; older work that still goes on is given up.

        Parameters
        ----------
        work : runs in a thread. each : called with each of its results.
        """
        from napari.qt.threading import create_worker

        self.stop()
        worker = self._worker = create_worker(_caught, work)

        def heed(result: tuple[T | None, Exception | None]) -> None:
            if self._worker is not worker:
                return
            value, error = result
            if error is None:
                each(value)  # type: ignore[arg-type]  # of a work whose results may be None too
            else:
                self._failed(error)

        def end() -> None:
            if self._worker is worker:
                self._worker = None
                self._done()

        worker.yielded.connect(heed)
        worker.finished.connect(end)
        worker.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._worker is not None

    def stop(self) -> None:
        """Give up; nothing more comes of it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.quit()


def _caught(work: Callable[[], Iterable[T]]) -> Iterator[tuple[T | None, Exception | None]]:
    try:
        for value in work():
            yield value, None
    except CryoHypeError as error:
        yield None, error
    except OSError as error:
        yield None, InputFileError(f"{error.filename or 'a file'} cannot be read ({error.strerror or error})")
    except MemoryError:
        yield None, InputFileError("the map does not fit into memory; close other programs, or crop or bin it first")
