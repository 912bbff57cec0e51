"""The stream of volumes: guarded as all else; stages as they are made, what is sent to all, and what a viewer asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from starlette.websockets import WebSocketDisconnect

from cryohype_app.plots.palette import category_colour
from cryohype_app.server.stream.pace import FIRST_WINDOW, PARTS
from cryohype_app.stream import Shown
from cryohype_app.wire import FOLLOW, PROTOCOL, STREAM_PATH, VolumeHead, decode, density
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.palette import CATEGORIES
from cryohype_model.runs.selections import delete_selection, write_selection
from cryohype_model.runs.volumes import start_volume_series, write_volume_series
from tests.app.server.conftest import HOST, Api

ADDRESS = f"ws://{HOST}{STREAM_PATH}"


class Viewer:
    """The other end of the stream."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.received = 0

    def say(self, kind: str, **values: Any) -> None:
        """Send a text."""
        self.socket.send_text(json.dumps({"kind": kind, **values}))

    def hear(self, kind: str) -> dict[str, Any]:
        """The next text of a kind."""
        while True:
            message = self.socket.receive()
            if message.get("text") and (told := json.loads(message["text"]))["kind"] == kind:
                return dict(told)

    def map(self) -> tuple[VolumeHead, npt.NDArray[np.float32]]:
        """The next map that is all here."""
        parts: dict[int, tuple[VolumeHead, bytearray]] = {}
        while True:
            message = self.socket.receive()
            if not message.get("bytes"):
                continue
            part, values = decode(message["bytes"])
            if part.volume is not None:
                parts[part.serial] = part.volume, bytearray()
            head, content = parts[part.serial]
            assert part.offset == len(content)
            content += values
            self.received += len(values)
            self.say("got", bytes=self.received)
            if len(content) == head.value_bytes:
                return head, density(head, np.frombuffer(bytes(content), np.uint8))


@contextmanager
def listening(api: Api, **settings: Any) -> Iterator[Viewer]:
    """A viewer that has said what it wants."""
    with api.client.websocket_connect(ADDRESS) as socket:
        viewer = Viewer(socket)
        assert viewer.hear("hello")["protocol"] == PROTOCOL
        viewer.say("settings", **settings)
        yield viewer


def shown(array: npt.NDArray[np.float32], slot: str = FOLLOW, **head: Any) -> Shown:
    known = {"volume_id": "v", "name": "one", "pixel_size_angstrom": 2.0, "slot": slot, "shape": array.shape}
    return Shown(VolumeHead(**known | head), array)


@pytest.fixture
def publish(shared_api: Api) -> Callable[[Shown], int]:
    """Give a map to the viewers, in the server's loop."""
    portal = shared_api.client.portal
    assert portal is not None
    return lambda one: portal.call(shared_api.services.stream.publish, one)


def ramp(side: int) -> npt.NDArray[np.float32]:
    return np.arange(side**3, dtype=np.float32).reshape(side, side, side)


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_without_the_token_or_from_another_site_it_is_refused(shared_api: Api, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), shared_api.client.websocket_connect(ADDRESS, headers=headers):
        pass


def test_the_runs_are_told_first(shared_api: Api) -> None:
    with listening(shared_api) as viewer:
        change = viewer.hear("runs")["change"]
        assert change["kind"] == "all" and [run["id"] for run in change["runs"]] == [shared_api.id]


def test_a_cluster_comes_coarse_first_and_its_whole_map_is_the_one_that_is_downloaded(shared_api: Api, tmp_path: Any) -> None:
    with listening(shared_api) as viewer:
        viewer.say("show", wish={"kind": "particles", "run": shared_api.id, "cluster": 1, "box_px": 32})
        stages = [viewer.map()]
        while not stages[-1][0].last:
            stages.append(viewer.map())
    head, array = stages[-1]
    assert [len(array) for _, array in stages] == sorted({len(array) for _, array in stages}) and len(array) == 32
    assert (head.name, head.colour, head.slot) == ("cluster 1", category_colour(1), "choice")
    assert stages[0][0].pixel_size_angstrom * len(stages[0][1]) == pytest.approx(head.pixel_size_angstrom * 32)
    path = tmp_path / "map.mrc"
    path.write_bytes(shared_api.ask("GET", f"/runs/{{run}}/volumes/{head.volume_id}").content)
    stored, pixel_size, origin = read_volume(path)
    np.testing.assert_array_equal(array, stored)
    assert (pixel_size, origin) == (pytest.approx(head.pixel_size_angstrom), head.origin_angstrom)


def test_every_way_to_make_a_map_is_open_to_a_viewer(shared_api: Api) -> None:
    with listening(shared_api) as viewer:
        for method in ("medoid", "neighbours", "backprojection"):
            viewer.say("show", wish={"kind": "particles", "run": shared_api.id, "cluster": 0, "method": method})
            head, array = viewer.map()
            while not head.last:
                head, array = viewer.map()
            assert len(array) == 16 and head.name == "cluster 0"


def test_what_there_is_in_a_run_is_told(shared_api: Api) -> None:
    write_selection(shared_api.run, "mine", np.arange(5), {"kind": "list", "colour": "#009E73"})
    with listening(shared_api) as viewer:
        viewer.say("look", run=shared_api.id)
        told = viewer.hear("contents")
        assert told["selections"] == [{"name": "mine", "count": 5, "colour": "#009E73"}]
        assert {found["cluster"]: found["colour"] for found in told["clusters"]} == {n: category_colour(n) for n in range(3)}
        assert sum(found["count"] for found in told["clusters"]) == 60
        viewer.say("show", wish={"kind": "particles", "run": shared_api.id, "selection": "mine"})
        head, _ = viewer.map()
        assert (head.name, head.colour) == ("mine", "#009E73")


def test_a_selection_whose_file_names_no_colour_has_the_one_of_its_dot(shared_api: Api) -> None:
    write_selection(shared_api.run, "odd", np.arange(3), {"kind": "list", "colour": "red; background: url(x)"})
    with listening(shared_api) as viewer:
        viewer.say("show", wish={"kind": "particles", "run": shared_api.id, "selection": "odd"})
        assert viewer.map()[0].colour == CATEGORIES[0]
    delete_selection(shared_api.run, "odd")


def test_a_stored_series_comes_map_by_map(shared_api: Api) -> None:
    folder = start_volume_series(shared_api.run, "path")
    entries = []
    for number in range(3):
        write_volume(folder / f"p{number}.mrc", ramp(8) + number, 3.0)
        entries.append(
            {"file": f"p{number}.mrc", "particle": number, "method": "medoid", "pixel_size_angstrom": 3.0, "checkpoint": "c"}
        )
    write_volume_series(shared_api.run, "path", entries, {})
    with listening(shared_api) as viewer:
        viewer.say("show", wish={"kind": "series", "run": shared_api.id, "series": "path"})
        for number in range(3):
            head, array = viewer.map()
            assert head.series is not None and (head.series.number, head.series.count) == (number, 3)
            np.testing.assert_array_equal(array, ramp(8) + number)


def test_what_the_browser_shows_goes_to_all_who_follow_and_what_is_sent_to_everybody(
    shared_api: Api, publish: Callable[[Shown], int]
) -> None:
    with listening(shared_api) as one, listening(shared_api, follow=False) as other:
        other.hear("runs")
        assert publish(shown(ramp(6), "sent-1", pinned=True)) == 2
        assert one.map()[0].slot == other.map()[0].slot == "sent-1"
        assert publish(shown(ramp(8))) == 1
        np.testing.assert_array_equal(one.map()[1], ramp(8))
        with listening(shared_api) as late:
            np.testing.assert_array_equal(late.map()[1], ramp(8))


def test_float16_comes_where_it_is_asked_for(shared_api: Api, publish: Callable[[Shown], int]) -> None:
    with listening(shared_api, precision="half", follow=False) as viewer:
        viewer.hear("runs")
        publish(shown(ramp(16), "sent-1"))
        head, array = viewer.map()
        assert head.dtype == "<f2" and viewer.received == 2 * 16**3
        np.testing.assert_allclose(array, ramp(16), rtol=2**-10, atol=1e-3)


def test_a_newer_map_does_not_wait_for_the_rest_of_an_older_one(shared_api: Api, publish: Callable[[Shown], int]) -> None:
    """The older one is larger than the first window, and the viewer confirms none of it."""
    with listening(shared_api, follow=False) as viewer:
        viewer.hear("runs")
        publish(shown(ramp(96), "sent-1", name="large"))
        parts = [viewer.socket.receive()["bytes"] for _ in range(PARTS)]
        publish(shown(ramp(8), "sent-1", name="newer"))
        assert sum(len(decode(part)[1]) for part in parts) == FIRST_WINDOW
        viewer.received = FIRST_WINDOW
        viewer.say("got", bytes=viewer.received)
        head, array = viewer.map()
        assert head.name == "newer"
        np.testing.assert_array_equal(array, ramp(8))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("nonsense", "does not understand"),
        ('{"kind": "dance"}', "no message 'dance'"),
        ("[1]", "does not understand"),
        ('{"kind": "got"}', "does not understand"),
        ('{"kind": "settings", "precision": "double"}', "does not understand"),
        ('{"kind": "show", "wish": {"kind": "particles", "run": "none", "cluster": 1}}', "no run"),
        ('{"kind": "show", "wish": {"kind": "series", "run": "RUN", "series": "none"}}', "no series"),
        ('{"kind": "show", "wish": {"kind": "particles", "run": "RUN", "cluster": 99}}', "no particle is selected"),
        ('{"kind": "look", "run": "../../etc"}', "no run"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_and_the_stream_goes_on(shared_api: Api, said: str, sentence: str) -> None:
    with listening(shared_api) as viewer:
        viewer.socket.send_text(said.replace("RUN", shared_api.id))
        assert sentence in viewer.hear("problem")["sentence"]
        viewer.say("look", run=shared_api.id)
        assert viewer.hear("contents")["run"] == shared_api.id


def test_a_viewer_that_went_away_is_forgotten(shared_api: Api) -> None:
    with listening(shared_api) as viewer:
        viewer.hear("runs")
        assert shared_api.services.stream.count == 1
    shared_api.get("/healthz")
    assert shared_api.services.stream.count == 0
