"""Work in a thread, its results in Qt's own: of several wishes only the newest one's come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from qtpy.QtCore import QObject

from cryohype_model.errors import CryoHypeError, InputFileError

T = TypeVar("T")
Result = tuple[int, Any, Exception | None]  # of which wish, and what came of it


class Work:
    """One line of work of a widget; it ends with the widget.

    Parameters
    ----------
    failed : called with what the user can mend. done : called when the newest work has ended, however.
    """

    def __init__(self, owner: QObject, failed: Callable[[Exception], None], done: Callable[[], None] = lambda: None) -> None:
        self._failed, self._done = failed, done
        self._each: Callable[[Any], None] | None = None  # none: nothing is being done
        self._worker: Any = None
        self._wish = 0
        owner.destroyed.connect(self.stop)

    def ask(self, work: Callable[[], Iterable[T]], each: Callable[[T], None]) -> None:
        """Begin; older work that still goes on is given up.

        Parameters
        ----------
        work : runs in a thread. each : called with each of its results.
        """
        from napari.qt.threading import create_worker

        self.stop()
        self._each = each
        self._worker = create_worker(_caught, self._wish, work)
        self._worker.yielded.connect(self._heed)  # not to a closure: Qt would keep it, and with it the widget, for ever
        self._worker.returned.connect(self._end)
        self._worker.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._each is not None

    def stop(self) -> None:
        """Give up; nothing more comes of it."""
        worker, self._worker, self._each = self._worker, None, None
        self._wish += 1
        if worker is not None:
            worker.quit()

    def _heed(self, result: Result) -> None:
        wish, value, error = result
        if wish != self._wish or self._each is None:
            return
        if error is None:
            self._each(value)
        elif isinstance(error, CryoHypeError):
            self._failed(error)
        else:
            raise error  # a defect: napari shows it

    def _end(self, wish: int) -> None:
        if wish == self._wish:
            self._worker = self._each = None
            self._done()


def _caught(wish: int, work: Callable[[], Iterable[T]]) -> Generator[Result, None, int]:
    try:
        for value in work():
            yield wish, value, None
    except CryoHypeError as error:
        yield wish, None, error
    except OSError as error:
        yield wish, None, InputFileError(f"{error.filename or 'a file'} cannot be read ({error.strerror or error})")
    except MemoryError:
        yield wish, None, InputFileError("the map does not fit into memory; close other programs, or crop or bin it first")
    except Exception as error:  # noqa: BLE001  # raised again where it is heeded
        yield wish, None, error
    return wish
