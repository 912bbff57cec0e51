"""The widget: what arrives becomes layers, what is chosen is asked for, what goes wrong is a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cryohype_app.napari_plugin.live.events import Arrived, Contents, Progress, Runs, Standing
from cryohype_app.napari_plugin.live.widget import LiveWidget
from cryohype_app.wire import SeriesPlace, VolumeHead

RUN = {"id": "r", "name": "demo", "status": "finished", "progress": "done", "manifest": {"particles": 4800}, "selections": {}}


class Asked:
    """In place of the connection: remembers what it was asked for."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.settings: list[tuple[bool, str]] = []

    def ask(self, kind: str, **values: Any) -> None:
        """Ask for something."""
        self.said.append((kind, values))

    def settle(self, follow: bool, precision: str) -> None:
        """Say what is wanted."""
        self.settings.append((follow, precision))

    def stop(self) -> None:
        """End it."""
        self.said.append(("stop", {}))


@pytest.fixture
def viewer(unseen: Any) -> Any:
    """The layers are the matter here, not how they are drawn."""
    return unseen


@pytest.fixture
def widget(viewer: Any) -> Iterator[LiveWidget]:
    made = LiveWidget(viewer)
    viewer.window.add_dock_widget(made, name="CryoHype live", area="right")
    return made


@pytest.fixture
def asked(widget: LiveWidget) -> Asked:
    made = Asked()
    widget._client = made  # type: ignore[assignment]  # what the widget says to the connection is the matter here
    return made


@pytest.fixture
def arrive(widget: LiveWidget) -> Callable[..., None]:
    """A map comes from the connection's thread."""

    def put(array: npt.NDArray[np.float32], slot: str = "follow", **head: Any) -> None:
        known = {"volume_id": "v-1", "name": "cluster 3", "shape": array.shape, "pixel_size_angstrom": 2.0, "slot": slot}
        widget._inbox.put(Arrived(VolumeHead(**known | head), array))
        widget._drain()

    return put


def test_stages_are_one_layer_and_the_users_level_stays(viewer: Any, arrive: Callable[..., None], chiral: Any) -> None:
    arrive(chiral[::2, ::2, ::2], pixel_size_angstrom=4.0, level=0.3, last=False, colour="#D55E00")
    (layer,) = viewer.layers
    assert (layer.name, layer.scale.tolist(), layer.iso_threshold) == ("cluster 3", [4.0] * 3, pytest.approx(0.3))
    layer.iso_threshold = 0.6
    arrive(chiral, level=0.35, stage=1, colour="#D55E00")
    assert viewer.layers[0] is layer and layer.scale.tolist() == [2.0] * 3
    assert layer.iso_threshold == pytest.approx(0.6)
    np.testing.assert_array_equal(layer.data, chiral)
    arrive(chiral, volume_id="v-2", name="cluster 4", level=0.4)
    assert (layer.name, layer.iso_threshold) == ("cluster 4", pytest.approx(0.4))


def test_what_is_sent_by_hand_and_what_is_pinned_stay(
    widget: LiveWidget, viewer: Any, arrive: Callable[..., None], chiral: Any
) -> None:
    arrive(chiral, "sent-1", name="sent", pinned=True)
    arrive(chiral, name="followed")
    viewer.layers.selection = {viewer.layers["followed"]}
    widget.keep.click()
    arrive(chiral, name="next", volume_id="v-2")
    assert [layer.name for layer in viewer.layers] == ["sent", "followed", "next"]


def test_the_rest_is_hidden_and_two_stand_side_by_side(
    widget: LiveWidget, viewer: Any, arrive: Callable[..., None], chiral: Any
) -> None:
    for number in range(3):
        arrive(chiral, f"sent-{number}", name=str(number))
    widget.beside.click()
    assert not widget.beside.isChecked() and "two maps" in widget.problem.text()
    viewer.layers.selection = {viewer.layers["0"], viewer.layers["2"]}
    widget.beside.click()
    assert [layer.visible for layer in viewer.layers] == [True, False, True] and viewer.canvas.grid.enabled
    widget.beside.click()
    assert not viewer.canvas.grid.enabled and widget.problem.text() == ""
    viewer.layers.selection.clear()
    widget.rest.click()
    assert "Choose" in widget.problem.text()


def test_a_series_is_a_layer_with_an_axis_that_plays(viewer: Any, arrive: Callable[..., None], chiral: Any) -> None:
    for number in range(3):
        place = SeriesPlace(id="path", number=number, count=3)
        arrive(chiral * (number + 1), f"series-path-{number}", name="path", series=place, level=0.4)
    (layer,) = viewer.layers
    assert layer.data.shape == (3, 24, 24, 24) and layer.iso_threshold == pytest.approx(0.4)
    assert [str(unit) for unit in layer.units] == ["pixel", "angstrom", "angstrom", "angstrom"]
    viewer.dims.set_point(0, 2)
    np.testing.assert_array_equal(layer.data[2], chiral * 3)


def test_the_runs_are_listed_opened_and_chosen_from(widget: LiveWidget, asked: Asked) -> None:
    widget._heed(Runs((RUN, RUN | {"id": "s", "name": "other"}), (), True))
    item = widget.tree.topLevelItem(0)
    item.setExpanded(True)
    assert asked.said == [("look", {"run": "r"})]
    clusters = ({"cluster": 0, "count": 7, "colour": "#D55E00"}, {"cluster": 1, "count": 9, "colour": "#009E73"})
    selections = ({"name": "<b>mine</b>", "count": 3, "colour": "#009E73"},)
    widget._heed(Contents("r", clusters, selections, ({"name": "path", "count": 10},)))
    groups = [item.child(place) for place in range(item.childCount())]
    assert [group.text(0) for group in groups] == ["Clusters", "Selections", "Series of maps"]
    assert groups[1].child(0).text(0) == "<b>mine</b>"
    widget.method.setCurrentText("medoid")
    widget.tree.setCurrentItem(groups[0].child(1))
    widget.show_button.click()
    assert asked.said[-1] == ("show", {"wish": {"kind": "particles", "run": "r", "cluster": 1, "method": "medoid"}})
    assert widget.pick.isChecked() and asked.settings[-1] == (False, "full")
    widget.tree.setCurrentItem(groups[2].child(0))
    widget.show_button.click()
    assert asked.said[-1] == ("show", {"wish": {"kind": "series", "run": "r", "series": "path"}})
    widget._heed(Runs((RUN | {"selections": {"new": "2026"}},), ("s",), False))
    assert asked.said[-1] == ("look", {"run": "r"}), "a selection that was saved in the browser appears"
    assert widget.tree.topLevelItemCount() == 1


def test_nothing_chosen_is_told(widget: LiveWidget) -> None:
    widget.show_button.click()
    assert "Choose a cluster" in widget.problem.text()


def test_half_precision_and_following_are_told_to_the_dashboard(widget: LiveWidget, asked: Asked) -> None:
    widget.half.click()
    widget.pick.click()
    assert asked.settings == [(True, "half"), (False, "half")]


def test_a_bad_link_is_a_sentence(widget: LiveWidget) -> None:
    widget.link.setText("nonsense:::")
    widget.toggle.click()
    assert "cryohype-app serve" in widget.status.text() and widget.toggle.text() == "Connect"


def test_how_it_stands_is_seen(widget: LiveWidget, asked: Asked) -> None:
    widget._heed(Progress("large", 0.25, 64_000_000))
    assert widget.progress.value() == 25 and "64.0 MB" in widget.progress.format()
    widget._heed(Standing("lost", "nobody answers; trying again"))
    assert not widget.progress.isVisible() and widget.toggle.text() == "Disconnect"
    widget._heed(Standing("refused", "wrong token"))
    assert widget.status.text() == "wrong token" and widget.toggle.text() == "Connect"
    assert asked.said == [("stop", {})]


def test_a_window_that_is_busy_draws_the_newest_map_only(widget: LiveWidget, viewer: Any, chiral: Any) -> None:
    head = VolumeHead(slot="follow", volume_id="v", name="0", shape=chiral.shape, pixel_size_angstrom=2.0)
    for number in range(20):
        widget._inbox.put(Arrived(head.model_copy(update={"name": str(number)}), chiral))
    drawn: list[str] = []
    show = widget._screen.show
    widget._screen.show = lambda event: (drawn.append(event.head.name), show(event))[1]  # type: ignore[method-assign]
    widget._drain()
    assert drawn == ["19"]


def test_a_series_larger_than_memory_is_told(
    widget: LiveWidget, viewer: Any, arrive: Callable[..., None], monkeypatch: Any, chiral: Any
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: dataclasses.make_dataclass("M", ["available"])(3 * chiral.nbytes))
    arrive(chiral, "series-p-0", name="path", series=SeriesPlace(id="p", number=0, count=10))
    assert "of memory" in widget.problem.text() and len(viewer.layers) == 0
