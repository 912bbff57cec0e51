"""Write a new configuration file, explain its keys, or print its JSON schema."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class ConfigKey:
    """One key of the configuration, as people read it; also behind the reference page of the docs."""

    name: str
    kind: str
    default: str
    description: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`cryohype config (new [--preset NAME] [-o FILE] | explain [KEY] | schema)`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="write a complete configuration with a comment for every key")
    new.add_argument("--preset", metavar="NAME", help="begin from a preset (default: the defaults)")
    new.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here (default: standard output)")
    explain = actions.add_parser("explain", help="what a key means, its type and its default; or the presets")
    explain.add_argument("key", nargs="?", default="", metavar="KEY", help="a key, a section, or presets (default: all keys)")
    actions.add_parser("schema", help="the JSON schema of the configuration")


def run(args: argparse.Namespace) -> int:
    """New, explain or schema."""
    if args.action == "new":
        _new(args.preset, args.output)
    elif args.action == "explain":
        _explain(args.key)
    else:
        _schema()
    return 0


def config_keys(section: type[BaseModel] | None = None, prefix: str = "") -> Iterator[ConfigKey]:
    """Every key of the configuration in its order, sections' keys under their dotted names.

    Parameters
    ----------
    section : a section's class; the whole configuration when None.
    prefix : dotted name of the section, with its dot.
    """
    from pydantic import BaseModel

    from cryohype_model.config import RunConfig

    for name, info in (section or RunConfig).model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from config_keys(inner, f"{prefix}{name}.")
        else:
            kind = "".join([_kind(inner), *(f", {limit}" for limit in _limits(info.metadata))])
            yield ConfigKey(prefix + name, kind, _toml_value(info.default), info.description or "")


def _new(preset: str | None, output: Path | None) -> None:
    from cryohype_model.config import dump_config, load_config, preset_text
    from cryohype_model.errors import ConfigError

    text = dump_config(load_config(preset=preset))
    if preset is not None:
        text = _opening(preset_text(preset)) + "\n" + text
    if output is None:
        print(text, end="")
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{output} exists already; choose another file with -o") from None
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}; choose another file with -o") from None


def _opening(text: str) -> str:
    """The comment that a preset begins with: its command and what to expect."""
    return "\n".join(line for line in text.splitlines() if line.startswith("#"))


def _explain(wanted: str) -> None:
    import difflib

    from cryohype_model.config import preset_names, preset_text
    from cryohype_model.errors import ConfigError

    if wanted == "presets":
        print("\n".join(f"{name}\n{_opening(preset_text(name))}" for name in preset_names()))
        return
    keys = list(config_keys())
    chosen = [key for key in keys if not wanted or key.name == wanted or key.name.startswith(f"{wanted}.")]
    if not chosen:
        near = difflib.get_close_matches(wanted, [key.name for key in keys], n=1, cutoff=0.0)
        raise ConfigError(f"unknown configuration key '{wanted}'; the nearest valid key is '{near[0]}'")
    for key in chosen:
        print(f"{key.name} = {key.default}    ({key.kind})\n    {key.description}")


def _schema() -> None:
    import json

    from cryohype_model.config import RunConfig

    print(json.dumps(RunConfig.model_json_schema()))


def _kind(annotation: Any) -> str:
    """A type as people say it."""
    from types import UnionType
    from typing import Literal, Union, get_args, get_origin

    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join("not set" if part is type(None) else _kind(part) for part in get_args(annotation))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text"}
    return names.get(annotation, str(annotation))


def _limits(metadata: list[Any]) -> list[str]:
    """The bounds of a number: at least 1, above 0 ..."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return [f"{word} {getattr(bound, name)}" for bound in metadata for name, word in words.items() if hasattr(bound, name)]


def _toml_value(value: Any) -> str:
    import tomlkit

    return "not set" if value is None else tomlkit.item(value).as_string()
