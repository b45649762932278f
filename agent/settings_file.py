"""A settings file read and checked as a whole: every problem at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.errors import SettingsInvalid, SettingsProblem
from agent.settings import CODE_PATTERN, DeviceSection, Settings
from agent.settings_lines import KeyLines, KeyPath
from agent.wire.broker_url import parse_url
from agent.wire.errors import BrokerUrlInvalid
from drivers.errors import UnknownDriver
from drivers.registry import load as load_driver
from drivers.registry import share_port

MAX_FILE_BYTES = 65_536
MAX_SHOWN_CHARS = 40
A_CODE = "must be 1 to 40 letters, digits and hyphens"
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Found = tuple[KeyPath, str, str]
"""Where, a stable word, and what in plain words."""


def load(path: Path) -> Settings:
    """The settings of an installation. Relative paths in it count from the file's folder.

    Raises:
        SettingsInvalid: with everything that must be corrected.
    """
    return parse(_read(path), path)


def parse(text: str, path: Path) -> Settings:
    """The settings in `text`, which stands in the file `path`, or would.

    Raises:
        SettingsInvalid: with everything that must be corrected.
    """
    file = str(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT_LINE.search(message)
        line = int(at[1]) if at and at[1] else len(text.splitlines())
        what = f"this is not TOML: {_AT_LINE.sub('', message)}"
        raise SettingsInvalid(file, [SettingsProblem(line, "", "not_toml", what)]) from error
    found: list[Found] = []
    settings = None
    try:
        context = {"folder": path.absolute().parent}
        settings = Settings.model_validate(document, context=context)
    except ValidationError as error:
        found += [_in_words(one, Settings) for one in error.errors(include_url=False)]
    found += [*_about_cloud(document), *_about_devices(document)]
    if settings is None or found:
        lines = KeyLines(text)
        problems = {
            SettingsProblem(lines.find(where), _name(where), code, what)
            for where, code, what in found
        }
        raise SettingsInvalid(file, sorted(problems, key=lambda one: (one.line or 0, *one[1:])))
    return settings


def files_not_there(settings: Settings) -> list[str]:
    """Files that the settings name and this machine does not have, as `key: path`."""
    return [
        f"{section}.{key}: {value}"
        for section in ("web", "cloud")
        for key, value in getattr(settings, section) or ()
        if key.endswith("_file") and value is not None and not value.is_file()
    ]


def _read(path: Path) -> str:
    def refuse(what: str) -> SettingsInvalid:
        return SettingsInvalid(str(path), [SettingsProblem(None, "", "file_unreadable", what)])

    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise refuse(f"is no settings file: more than {MAX_FILE_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = "this is not UTF-8; save the file as UTF-8"
        problem = SettingsProblem(line, "", "not_utf8", what)
        raise SettingsInvalid(str(path), [problem]) from error


def _name(path: KeyPath) -> str:
    """`devices[0].port`, as people write it."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _about_cloud(document: Mapping[str, Any]) -> Iterator[Found]:
    cloud = document.get("cloud")
    url = cloud.get("url") if isinstance(cloud, dict) else None
    if not isinstance(cloud, dict) or not isinstance(url, str):
        return
    try:
        broker = parse_url(url)
    except BrokerUrlInvalid as error:
        yield ("cloud", "url"), "url_invalid", str(error)
        return
    if "password_file" in cloud and broker.user is None:
        what = "needs a user in the url: mqtts://user@host"
        yield ("cloud", "password_file"), "user_missing", what
    for key in ("ca_file", "cert_file"):
        if key in cloud and not broker.tls:
            yield ("cloud", key), "tls_missing", "needs TLS: write the url with mqtts://"


def _about_devices(document: Mapping[str, Any]) -> Iterator[Found]:
    listed = document.get("devices")
    devices = listed if isinstance(listed, list) else []
    for index, device in enumerate(devices):
        if not isinstance(device, dict):
            continue
        for key in ("id", "port"):
            value = device.get(key)
            for other, earlier in enumerate(devices[:index] if isinstance(value, str) else ()):
                if not isinstance(earlier, dict) or earlier.get(key) != value:
                    continue
                if key == "id" or not share_port(device.get("driver"), earlier.get("driver")):
                    what = f"{_shown(value)} is already the {key} of devices[{other}]"
                    yield ("devices", index, key), f"{key}_twice", what
                    break
        if isinstance(device.get("driver"), str):
            yield from _about_options(index, device)


def _about_options(index: int, device: Mapping[str, Any]) -> Iterator[Found]:
    """What the device's own driver says of its options."""
    try:
        options_class = load_driver(device["driver"]).Options
    except UnknownDriver as error:
        what = f"unknown driver {_shown(device['driver'])}; {error.hint}"
        yield ("devices", index, "driver"), error.code, what
        return
    options = {key: value for key, value in device.items() if key not in ("id", "driver")}
    try:
        options_class.model_validate(options)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            where, code, what = _in_words(one, options_class, also=DeviceSection.model_fields)
            yield ("devices", index, *where), code, what


_WORDS = {
    "greater_than_equal": ("value_too_small", "must be at least {ge}, not {value}"),
    "less_than_equal": ("value_too_big", "must be at most {le}, not {value}"),
    "greater_than": ("value_too_small", "must be more than {gt}, not {value}"),
    "less_than": ("value_too_big", "must be less than {lt}, not {value}"),
    "literal_error": ("value_unknown", "must be {expected}, not {value}"),
    "value_error": ("value_invalid", "{error}"),
    "string_pattern_mismatch": ("value_invalid", "cannot be {value}"),
    "string_too_short": ("value_invalid", "cannot be empty"),
}
"""For each type of pydantic's errors: our word for it, and what to tell people."""
_TYPES = {
    "int": "a whole number without quotes",
    "float": "a number without quotes",
    "bool": "true or false",
    "string": "text in quotes",
    "path": "a path in quotes",
    "tuple": "a list in [ ]",
    "list": "a list in [ ]",
    "model": "a section with keys",
}


def _in_words(error: ErrorDetails, model: type[BaseModel], also: Iterable[str] = ()) -> Found:
    """A problem found by pydantic, in words for people."""
    where, kind = error["loc"], error["type"]
    context = error.get("ctx", {})
    value = _shown(error["input"])
    if kind == "extra_forbidden":
        code, what = "key_unknown", _unknown(where, model, also)
    elif kind == "missing":
        code, what = "key_missing", f"is missing: {_described(where, model)}"
    elif context.get("pattern") == CODE_PATTERN:
        code, what = "not_a_code", f"{A_CODE}, not {value}"
    elif kind in _WORDS:
        code, template = _WORDS[kind]
        what = template.format(value=value, **context)
    else:
        noun = next((words for begin, words in _TYPES.items() if kind.startswith(begin)), None)
        code = "type_wrong"
        what = f"must be {noun}, not {value}" if noun else f"{error['msg']}, not {value}"
    return where, code, what


def _shown(value: object) -> str:
    """A value in a message: short, and never a whole table or a url, which may hold a secret."""
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    if "://" in text:
        return "an address"
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 4]}...'"


def _unknown(where: KeyPath, model: type[BaseModel], also: Iterable[str]) -> str:
    name = str(where[-1])
    around = _model_at(where[:-1], model)
    known = [*(around.model_fields if around else ()), *also]
    import difflib  # noqa: PLC0415 (where a name is wrong; it holds 0.1 MB)

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"unknown key `{name}`; did you mean `{near[0]}`?"
    elsewhere = Settings.model_fields if model is Settings else {}
    for section, field in elsewhere.items():
        inner = _model_in(field.annotation)
        if inner is not None and name in inner.model_fields:
            return f"unknown key `{name}`; it belongs into [{section}]"
    return f"unknown key `{name}`; there are: {', '.join(known)}"


def _described(where: KeyPath, model: type[BaseModel]) -> str:
    around = _model_at(where[:-1], model)
    field = around.model_fields.get(str(where[-1])) if around else None
    if field is None:
        return "write it"
    inner = _model_in(field.annotation)
    text = field.description or (inner.__doc__ if inner else None) or "write it"
    return text.splitlines()[0]


def _model_at(where: KeyPath, model: type[BaseModel]) -> type[BaseModel] | None:
    """The section in which a key stands."""
    found: type[BaseModel] | None = model
    for part in where:
        field = found.model_fields.get(str(part)) if found and isinstance(part, str) else None
        if field is not None:
            found = _model_in(field.annotation)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section class in `X`, `X | None` or `tuple[X, ...]`."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
