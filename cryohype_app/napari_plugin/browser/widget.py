"""CryoHype run browser: a run folder without a server, its tables, and its saved maps as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QFileSystemWatcher, Qt, QTimer, QUrl
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from cryohype_app.napari_plugin.browser.analysis import Analysis, read_analysis
from cryohype_app.napari_plugin.browser.contents import Contents, read_contents, watched
from cryohype_app.napari_plugin.browser.pages import ClusterPage, ParticlePage, SelectionPage, TablePage
from cryohype_app.napari_plugin.browser.picture import PicturePage
from cryohype_app.napari_plugin.browser.remedy import Remedy
from cryohype_app.napari_plugin.browser.saved import SavedMaps, Wanted
from cryohype_app.napari_plugin.browser.screen import Screen
from cryohype_app.napari_plugin.browser.tree import SeriesPage
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_app.napari_plugin.folders import MOST_LAYERS, Group
from cryohype_model.runs.latents import LatentSpace

if TYPE_CHECKING:
    import napari.viewer

SETTLED_MS = 700  # after a change in the folder, before it is looked at: changes come in crowds
HINT = "Open the folder that `cryohype train` wrote: give its path, choose it, or drop it here."


class RunBrowser(QWidget):
    """What is in a run.

    Parameters
    ----------
    viewer : that shows the maps.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.contents: Contents | None = None
        self.analysis: Analysis | None = None
        self.setAcceptDrops(True)
        self._reading, self._analysing = Work(self, self._failed), Work(self, self._failed)
        self._make_head()
        self._make_pages()
        self._make_foot()
        self.screen = Screen(self, viewer, self.tell, self.busy.setText)
        self.beside.toggled.connect(self.screen.side_by_side)
        self._watch()
        self._lay_out()
        self._settle()

    def open_run(self, folder: str | Path) -> None:
        """Show a run folder; what was shown before stays where this one cannot be opened."""
        path = Path(QUrl(str(folder)).toLocalFile() if str(folder).startswith("file:") else folder)
        self.path.setText(str(path))
        self.tell("")
        self._reading.ask(lambda: [read_contents(path)], self._put)

    def refresh(self) -> None:
        """Look again at the run that is open."""
        if self.contents is not None:
            run = self.contents.run.path
            self._reading.ask(lambda: [read_contents(run)], self._put)
        elif self.path.text().strip():
            self.open_run(self.path.text().strip())

    def tell(self, sentence: str) -> None:
        """What the user should know; an empty sentence clears it."""
        said = self.said.text()
        self.said.setText(f"{said}\n{sentence}" if said and sentence and sentence not in said else sentence or "")
        self.said.setVisible(bool(sentence))

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802  # Qt's names
        """A folder may be dropped."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:  # noqa: N802
        """The first folder is opened, or that of a file."""
        path = Path(next(url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()))
        event.acceptProposedAction()
        self.open_run(path if path.is_dir() else path.parent)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """A dock that is closed lets go of its widget: nothing shall watch or hold a run any longer."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.deleteLater()
        super().changeEvent(event)

    def _make_head(self) -> None:
        self.path = QLineEdit()
        self.path.setPlaceholderText("run folder")
        self.path.setAccessibleName("Run folder")
        self.path.setAcceptDrops(False)  # they are the widget's
        self.path.returnPressed.connect(lambda: self.open_run(self.path.text().strip()))
        self.choose = _button("Choose…", "choose a run folder", self._choose)
        self.again = _button("Refresh", "look again; happens by itself where the file system tells of changes", self.refresh)
        self.facts = _words()
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.spaces = QComboBox()
        self.spaces.setAccessibleName("Latent space")
        self.spaces.setToolTip("which analysis, by its checkpoint")
        self.spaces.activated.connect(lambda _: self._analyse())

    def _make_pages(self) -> None:
        self.clusters, self.particles = ClusterPage(self._failed), ParticlePage(self._failed)
        self.selections, self.series = SelectionPage(self._failed), SeriesPage()
        self.picture = PicturePage(self._failed)
        self.tabs = QTabWidget()
        for page, title in (
            (self.clusters, "Clusters"), (self.picture, "Latents"), (self.particles, "Particles"),
            (self.selections, "Selections"), (self.series, "Maps"),
        ):  # fmt: skip
            page.opened.connect(self._show_chosen)
            self.tabs.addTab(page, title)
        self.tabs.currentChanged.connect(lambda _: self._turned())

    def _make_foot(self) -> None:
        self.show_one = _button("Show", "the chosen maps as layers (also: double click, Return)", self._show_chosen)
        self.show_all = _button("Show all", f"every saved map of this list as a layer, {MOST_LAYERS} at most", self._show_all)
        self.as_series = _button("As a series", "one layer that plays: its maps follow each other along an axis", self._play)
        self.alone = QCheckBox("Hide other maps")
        self.alone.setToolTip("only what is shown now is seen")
        self.alone.setChecked(True)
        self.beside = QCheckBox("Side by side")
        self.beside.setToolTip("visible layers beside each other, turned together")
        self.busy = _words()
        self.remedy = Remedy()
        self.said = _words()
        self.said.setStyleSheet("color: #e5534b")

    def _watch(self) -> None:
        self._watcher = QFileSystemWatcher(self)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._watcher.directoryChanged.connect(lambda _: self._settled.start())
        self._settled.timeout.connect(self.refresh)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addLayout(_row(self.path, self.choose, self.again, stretch=0))
        column.addWidget(self.facts)
        column.addWidget(self.spaces)
        column.addWidget(self.tabs, 1)
        column.addLayout(_row(self.show_one, self.show_all, self.as_series))
        column.addLayout(_row(self.alone, self.beside, self.busy, stretch=2))
        column.addWidget(self.remedy)
        column.addWidget(self.said)

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a run folder", self.path.text() or str(Path.cwd()))
        if folder:
            self.open_run(folder)

    def _put(self, contents: Contents) -> None:
        before, self.contents = self.contents, contents
        self.path.setText(str(contents.run.path))
        if before is not None and before.state == contents.state:
            return
        self._rewatch(contents)
        self.tell("")
        self.remedy.tell("", "")
        chosen = self.spaces.currentData() if before is not None and before.run == contents.run else None
        self.spaces.clear()
        for space in contents.spaces:
            self.spaces.addItem(f"latents of {space.checkpoint}, {str(space.meta.get('created'))[:10]}", space.path)
        self.spaces.setCurrentIndex(max(0, self.spaces.findData(chosen)))
        self.series.put(contents)
        self._analyse()

    def _rewatch(self, contents: Contents) -> None:
        old = self._watcher.directories()
        if old:
            self._watcher.removePaths(old)
        self._watcher.addPaths([str(path) for path in watched(contents)])

    def _analyse(self) -> None:
        """Read the chosen latent space, unless it is there already."""
        spaces = self.contents.spaces if self.contents is not None else ()
        space = spaces[self.spaces.currentIndex()] if spaces else None
        if space is None or (self.analysis is not None and _same(space, self.analysis.space)):
            self._analysing.stop()
            self._put_analysis(self.analysis if space is not None else None)
        else:
            self._analysing.ask(lambda: [read_analysis(space)], self._put_analysis)

    def _put_analysis(self, analysis: Analysis | None) -> None:
        assert self.contents is not None  # it was read before
        self.analysis = analysis
        saved = SavedMaps(self.contents, analysis.space if analysis else None)
        self.clusters.put(analysis, saved)
        self.selections.put(self.contents, saved)
        self.particles.put(analysis, self.contents, saved)
        self.picture.put(analysis, saved)
        if analysis is None:
            self.remedy.tell("Latents, clusters and their maps are made by:", saved.command_of_analysis())
        for note in self.contents.notes:
            self.tell(note)
        self._settle()

    def _turned(self) -> None:
        if self.analysis is not None:
            self.remedy.tell("", "")
        self._settle()

    def _settle(self) -> None:
        """What can be done on this page."""
        is_there, page = self.contents is not None, self.tabs.currentWidget()
        self.facts.setText(self.contents.words() if self.contents is not None else HINT)
        self.spaces.setVisible(self.spaces.count() > 0)
        for widget in (self.tabs, self.show_one, self.again):
            widget.setEnabled(is_there)
        self.show_all.setEnabled(is_there and page not in (self.particles, self.picture))
        self.as_series.setEnabled(is_there and page in (self.clusters, self.series))

    def _show_chosen(self) -> None:
        page = self.tabs.currentWidget()
        if isinstance(page, TablePage | PicturePage):
            self._show_wanted(page.wanted())
        else:
            self._show(self.series.groups())

    def _show_all(self) -> None:
        page = self.tabs.currentWidget()
        if isinstance(page, TablePage):
            self._show_wanted(page.all_wanted(), only_saved=True)
        else:
            self._show(self.series.groups_of_chosen_series())

    def _play(self) -> None:
        """The chosen maps as one layer, or all of them where one or none is chosen."""
        page = self.tabs.currentWidget()
        if isinstance(page, TablePage):
            chosen = page.wanted()
            wanted = chosen if len(chosen) > 1 else page.all_wanted()
            name, files = "clusters", [one.file for one in wanted if one.file is not None]
        else:
            name, files = self.series.files_that_follow()
        if len(files) > 1:
            self._show([Group(name, tuple(files))])
        else:
            self.tell("A series needs two saved maps; choose a series, or several maps with Ctrl.")

    def _show_wanted(self, wanted: Sequence[Wanted], only_saved: bool = False) -> None:
        """Show the saved maps of structures; for those without, tell how to make one."""
        lacking = [one for one in wanted if one.file is None]
        self.remedy.tell("", "")
        groups = [Group(one.file.name, (one.file,)) for one in wanted if one.file is not None]
        noted = [one for one in wanted if one.note]
        if lacking and self.analysis is not None and not (only_saved and groups):
            saved = self.clusters.saved
            others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            verb = "have" if others else "has"
            sentence = f"{lacking[0].name.capitalize()}{others} {verb} no saved map of these latents; this makes it:"
            self.remedy.tell(sentence, saved.command(lacking) if saved else "")
        elif noted and self.clusters.saved is not None:
            self.remedy.tell(noted[0].note, self.clusters.saved.command(noted))
        if groups or not lacking:
            self._show(groups)

    def _show(self, groups: Sequence[Group]) -> None:
        self.tell("")
        if not groups:
            self.tell("Choose one first." if self.contents is not None else HINT)
            return
        if len(groups) > MOST_LAYERS:
            self.tell(f"The first {MOST_LAYERS} of {len(groups)} maps are shown; choose the others, or show them as a series.")
        self.screen.show(groups[:MOST_LAYERS], self.alone.isChecked())

    def _failed(self, error: Exception) -> None:
        self.tell(str(error))
        self._settle()


def _same(one: LatentSpace, other: LatentSpace) -> bool:
    return one.path == other.path and one.meta.get("created") == other.meta.get("created")


def _button(text: str, tip: str, clicked: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _: clicked())
    return button


def _words() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _row(*widgets: QWidget, stretch: int = -1) -> QHBoxLayout:
    """Widgets beside each other; the one at ``stretch`` takes what is left."""
    row = QHBoxLayout()
    for number, widget in enumerate(widgets):
        row.addWidget(widget, int(number == stretch))
    return row
