"""napari, opened with CryoHype in it."""

from __future__ import annotations

from collections.abc import Sequence

PLUGIN = "cryohype"


def start(links: Sequence[str] = (), paths: Sequence[str] = ()) -> None:
    """Open napari, connect it, and return when it is closed.

    Parameters
    ----------
    links : of dashboards; the first one is connected to. paths : maps and run folders to open.
    """
    import napari

    from cryohype_app.napari_plugin.live.widget import LiveWidget

    viewer = napari.Viewer(title="CryoHype")
    viewer.dims.ndisplay = 3
    live = LiveWidget(viewer)
    viewer.window.add_dock_widget(live, name="CryoHype live", area="right")
    if links:
        live.connect_to(links[0])
    if paths:
        viewer.open(list(paths), plugin=PLUGIN, stack=False)
    napari.run()
