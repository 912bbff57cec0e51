"""What the readers and the writer tell the user: one sentence in a corner of napari's window, never a traceback."""

from __future__ import annotations

from pathlib import Path


def tell_problem(error: Exception, path: Path) -> None:
    """An error, by the file's name: the line that napari shows at first is short."""
    from napari.utils.notifications import show_error

    show_error(plain(str(error).replace(f"{path.parent}/", "", 1)))


def tell(sentence: str) -> None:
    """What the user should know."""
    from napari.utils.notifications import show_info

    show_info(plain(sentence))


def plain(text: str) -> str:
    """Notices and tooltips take what looks like HTML for it; a space without width after each < ends that."""
    return text.replace("<", "<\u200b")
