"""What napari reads of the plugin, and that its menus can do with it what they say."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

from cryohype_app import napari_plugin


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    """npe2's validation is the reading."""
    return PluginManifest.from_file(Path(napari_plugin.__file__).with_name("napari.yaml"))


def test_every_command_is_there_and_used(manifest: PluginManifest) -> None:
    found = manifest.contributions
    commands = {command.id: command for command in found.commands or []}
    assert all(callable(import_python_name(command.python_name)) for command in commands.values())
    parts: list[Any] = [*(found.readers or []), *(found.writers or []), *(found.sample_data or []), *(found.widgets or [])]
    assert {part.command for part in parts} == set(commands)


def test_every_widget_opens_from_the_menu_and_goes_with_its_dock(manifest: PluginManifest, unseen: Any, qtbot: Any) -> None:
    """Napari hands the viewer over only to who asks for it by the name of its class, and keeps no widget of a closed dock."""
    classes = {command.id: import_python_name(str(command.python_name)) for command in manifest.contributions.commands or []}
    for widget in manifest.contributions.widgets or []:
        dock, opened = unseen.window.add_plugin_dock_widget(manifest.name, widget.display_name)
        assert type(opened) is classes[widget.command]
        kept = weakref.ref(opened)
        unseen.window.remove_dock_widget(dock)
        del dock, opened
        qtbot.waitUntil(lambda kept=kept: gc.collect() >= 0 and kept() is None)
