"""A form made from the configuration's schema: what is changed becomes ``--set section.key=value``."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union, get_args, get_origin

import panel_material_ui as pmui
from panel.viewable import Viewer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cryohype_model.config import RunConfig

FIRST = ("training.epochs", "training.batch_size", "training.learning_rate", "data.box_px", "data.contrast")
ELSEWHERE = {  # chosen by other parts of the page
    "format_version", "data.particles", "training.accelerator", "training.devices", "training.nodes",
}  # fmt: skip


def fields(section: type[BaseModel] = RunConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the configuration that is no section, with its field."""
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, f"{prefix}{name}.")
        elif prefix + name not in ELSEWHERE:
            yield prefix + name, info


class ConfigForm(Viewer):
    """Widgets of every key; :attr:`overrides` tells those that differ from the configuration that the form began with.

    Parameters
    ----------
    config : values to begin with. changed : called after every change.
    """

    def __init__(self, config: RunConfig, changed: Callable[[], None]) -> None:
        super().__init__()
        self.config, self.changed = config, changed
        self.widgets = {key: _widget(key, info, value_of(config, key)) for key, info in fields()}
        for widget in self.widgets.values():
            widget.param.watch(lambda _: self.changed(), "value")

    @property
    def overrides(self) -> list[str]:
        """``section.key=value`` in TOML syntax."""
        changed = {
            key: widget.value for key, widget in self.widgets.items() if not _same(widget.value, value_of(self.config, key))
        }
        return [f"{key}={json.dumps(value)}" for key, value in changed.items() if value is not None and value != ""]

    @property
    def emptied(self) -> list[str]:
        """Keys whose value was taken away: TOML has no word for that, so no override can say it."""
        return [
            key
            for key, widget in self.widgets.items()
            if widget.value in {None, ""} and value_of(self.config, key) not in {None, ""}
        ]

    def __panel__(self) -> Any:
        first = pmui.FlexBox(*(self.widgets[key] for key in FIRST), margin=0)
        rest: dict[str, list[Any]] = {}
        for key, widget in self.widgets.items():
            if key not in FIRST:
                rest.setdefault(key.rpartition(".")[0], []).append(widget)
        more = pmui.Accordion(*((section, pmui.FlexBox(*widgets, margin=0)) for section, widgets in rest.items()), margin=(6, 0))
        more.sizing_mode = "stretch_width"
        return pmui.Column(first, more, sizing_mode="stretch_width", margin=0)


def value_of(config: RunConfig, key: str) -> Any:
    """The value of ``section.key``."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _widget(key: str, info: FieldInfo, value: Any) -> Any:
    name = key.rpartition(".")[2]
    look: dict[str, Any] = {
        "label": name.replace("_", " "),
        "description": info.description,
        "width": 168,
        "size": "small",
        "margin": 4,
    }
    kind, options = _kind(info.annotation)
    if options:
        return pmui.Select(options=list(options), value=value, **look)
    if kind is bool:
        look.pop("size")
        return pmui.Switch(value=value, **(look | {"margin": (12, 4)}))
    if kind is int:
        return pmui.IntInput(value=value, **look)
    if kind is float:
        return pmui.FloatInput(value=value, format="0.[000000]", **look)
    return pmui.TextInput(value=value or "", **look)


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """The type of a key, and its options when it has a closed list; that it may be none is left aside."""
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation, ()


def _same(given: Any, before: Any) -> bool:
    return bool(given == before) or (given in {None, ""} and before in {None, ""})
