"""CryoHype live: what the browser selects appears here, or what is chosen here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from cryohype_app.napari_plugin.live.client import StreamClient
from cryohype_app.napari_plugin.live.events import Arrived, Contents, Event, Problem, Progress, Runs, Standing
from cryohype_app.napari_plugin.live.inbox import Inbox
from cryohype_app.napari_plugin.live.link import parse_link
from cryohype_app.napari_plugin.live.screen import Screen
from cryohype_app.napari_plugin.live.tree import RunTree
from cryohype_model.errors import CryoHypeError

if TYPE_CHECKING:
    import napari.viewer

LIGHTS = {"connecting": "#e3b341", "connected": "#3fb950", "lost": "#e3b341", "refused": "#f85149", "closed": "#8b949e"}
METHODS = {
    "mean latent": "mean", "medoid": "medoid", "mean of 50 neighbours": "neighbours", "basis volumes": "linear",
    "back-projection": "backprojection",
}  # fmt: skip


class LiveWidget(QWidget):
    """The connection, what is to be shown, and the layers that it made.

    Parameters
    ----------
    viewer : that shows the maps.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._screen = Screen(viewer)
        self._client: StreamClient | None = None
        self._inbox = Inbox()
        self._inbox.filled.connect(self._drain, Qt.ConnectionType.QueuedConnection)
        self._make_connection()
        self._make_choices()
        self._make_layers()
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setStyleSheet("color: #f0883e")
        self._lay_out()
        clients: list[StreamClient] = []  # of a widget that is destroyed only this is left
        self._clients = clients
        self.destroyed.connect(lambda *_: _stop(clients))
        self._stand(Standing("closed", "not connected"))

    def connect_to(self, link: str, token: str = "") -> None:
        """Connect to a dashboard; an older connection ends."""
        self._say("")
        try:
            found = parse_link(link, token)
        except CryoHypeError as error:
            self._stand(Standing("refused", str(error)))
            return
        self.disconnect_from_server()
        self.link.setText(found.address)
        self.token.setText(found.token)
        self._client = StreamClient(found, self._inbox.put)
        self._clients[:] = [self._client]
        self._settle()
        self._client.start()

    def disconnect_from_server(self) -> None:
        """End the connection; the layers stay."""
        if self._client is not None:
            self._client.stop()
            self._client = None
            self._inbox.take()
            self._stand(Standing("closed", "not connected"))

    def closeEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """The dock is closed with napari: the thread ends first."""
        self.disconnect_from_server()
        super().closeEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """A dock that is closed alone only lets go of its widget: the connection ends with it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.disconnect_from_server()
            self.deleteLater()
        super().changeEvent(event)

    def _make_connection(self) -> None:
        self.link = QLineEdit()
        self.link.setPlaceholderText("paste the link that cryohype-app serve printed")
        self.link.setAccessibleName("Link of the dashboard")
        self.link.returnPressed.connect(self._toggle)
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("token, if it is not in the link")
        self.token.setAccessibleName("Token")
        self.token.returnPressed.connect(self._toggle)
        self.toggle = QPushButton("Connect")
        self.toggle.clicked.connect(self._toggle)
        self.light, self.status = QLabel("●"), QLabel()
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)

    def _make_choices(self) -> None:
        self.follow = QRadioButton("Follow the browser")
        self.follow.setToolTip("what is selected in the dashboard appears here")
        self.pick = QRadioButton("Choose here")
        self.pick.setToolTip("what is chosen below appears, whatever the browser does")
        self.follow.setChecked(True)
        self.half = QCheckBox("Half precision (slow link)")
        self.half.setToolTip("float16: half the bytes, three digits of every density; maps that are saved then have these")
        self.follow.toggled.connect(self._settle)
        self.half.toggled.connect(self._settle)
        self.tree = RunTree(self._look, self._show)
        self.method = QComboBox()
        self.method.setAccessibleName("How the map is made")
        for label, method in METHODS.items():
            self.method.addItem(label, method)
        self.show_button = QPushButton("Show")
        self.show_button.setToolTip("the cluster, selection or series that is chosen in the list")
        self.show_button.clicked.connect(self._show_current)
        self.progress = QProgressBar()
        self.progress.setVisible(False)

    def _make_layers(self) -> None:
        self.keep = QPushButton("Pin")
        self.keep.setToolTip("keep the chosen layers: what comes next gets a layer of its own")
        self.keep.clicked.connect(lambda: self._say(self._screen.keep()))
        self.rest = QPushButton("Hide the rest")
        self.rest.setToolTip("only the chosen layers are seen")
        self.rest.clicked.connect(lambda: self._say(self._screen.hide_the_rest()))
        self.beside = QPushButton("Side by side")
        self.beside.setCheckable(True)
        self.beside.setToolTip("two chosen layers beside each other, turned together")
        self.beside.toggled.connect(self._compare)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(self.link)
        column.addLayout(_row(self.token, self.toggle))
        column.addLayout(_row(self.light, self.status, stretch=1))
        column.addLayout(_row(self.follow, self.pick))
        column.addWidget(self.half)
        column.addWidget(self.tree, 1)
        column.addLayout(_row(self.method, self.show_button))
        column.addWidget(self.progress)
        column.addLayout(_row(self.keep, self.rest, self.beside))
        column.addWidget(self.problem)

    def _toggle(self) -> None:
        if self._client is None:
            self.connect_to(self.link.text(), self.token.text())
        else:
            self.disconnect_from_server()

    def _settle(self) -> None:
        if self._client is not None:
            self._client.settle(self.follow.isChecked(), "half" if self.half.isChecked() else "full")

    def _look(self, run: str) -> None:
        if self._client is not None:
            self._client.ask("look", run=run)

    def _show(self, wish: dict[str, Any]) -> None:
        if self._client is None:
            self._say("Connect to a dashboard first.")
            return
        self._say("")
        self.pick.setChecked(True)
        method = {} if wish["kind"] == "series" else {"method": self.method.currentData()}
        self._client.ask("show", wish=wish | method)

    def _show_current(self) -> None:
        if not self.tree.show_current():
            self._say("Choose a cluster, a selection or a series in the list first.")

    def _compare(self, on: bool) -> None:
        problem = self._screen.side_by_side(on)
        if problem:
            self.beside.setChecked(False)
        self._say(problem)

    def _drain(self) -> None:
        for event in self._inbox.take():
            self._heed(event)

    def _heed(self, event: Event) -> None:
        if isinstance(event, Arrived):
            self.progress.setVisible(False)
            self._say(self._screen.show(event))
        elif isinstance(event, Progress):
            self.progress.setVisible(True)
            self.progress.setValue(round(100 * event.share))
            self.progress.setFormat(f"{event.name}: %p % of {event.total_bytes / 1e6:.1f} MB")
        elif isinstance(event, Standing):
            self._stand(event)
        elif isinstance(event, Runs):
            self.tree.put_runs(event)
        elif isinstance(event, Contents):
            self.tree.put_contents(event)
        elif isinstance(event, Problem):
            self._say(event.sentence)

    def _stand(self, standing: Standing) -> None:
        self.light.setStyleSheet(f"color: {LIGHTS[standing.state]}")
        self.light.setToolTip(standing.state)
        self.status.setText(standing.sentence)
        if standing.state != "connected":
            self.progress.setVisible(False)
        if standing.state == "refused" and self._client is not None:
            self._client.stop()
            self._client = None
        self.toggle.setText("Connect" if self._client is None else "Disconnect")

    def _say(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))


def _stop(clients: list[StreamClient]) -> None:
    for client in clients:
        client.stop()


def _row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    for place, widget in enumerate(widgets):
        row.addWidget(widget, 1 if place == stretch else 0)
    return row
