"""A QTI package: a zip with a manifest, items, and a test that puts them in order."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from agent.files.archive import Archive
from agent.files.errors import FileInvalid
from agent.files.xml_tree import Node, parse
from agent.sets.items import Gathering, QuestionSet, tidy_line
from agent.sets.qti import NAMESPACE, escaped, is_item, plain_name, read_item, written_item

MANIFEST = "imsmanifest.xml"
_MADE = (1980, 1, 1, 0, 0, 0)
"""What a package says of its files' age: the same questions give the same bytes."""


def read(archive: Archive, into: Gathering) -> None:
    """Take all items of a package; without a manifest, all that lie in the zip.

    Raises:
        FileInvalid: there is none, or it cannot be unpacked.
    """
    listed = next((one for one in archive.names if posixpath.basename(one) == MANIFEST), None)
    files = [one for one in archive.names if one.lower().endswith(".xml") and one != listed]
    points: dict[str, list[str]] = {}
    if listed is not None:
        base = posixpath.dirname(listed)
        points = dict(_listed(parse(archive.read(listed)), base))
        missing = [one for one in points if one not in archive.names]
        for one in missing:
            into.leave(0, "file_missing", f"the manifest names {one}, which is not there")
    if not files:
        raise FileInvalid("file_unknown", "there is no question in this package")
    items: dict[str, Node] = {}
    timers: dict[str, int] = {}
    order: list[str] = []
    for name in sorted(files, key=lambda one: (one not in points, one)):
        into.file = name
        try:
            root = parse(archive.read(name))
        except FileInvalid as error:
            if error.code == "file_too_large" or error.code.startswith("zip"):
                raise
            into.leave(error.line, error.code, error.hint)
            continue
        if is_item(root):
            items[name] = root
        elif plain_name(root) == "assessmenttest":
            into.found.name = into.found.name or tidy_line(root.attributes.get("title", ""))
            for target, timer_s in _referred(root, posixpath.dirname(name)):
                order.append(target)
                if timer_s is not None:
                    timers[target] = timer_s
    for name in dict.fromkeys([*order, *items]):
        into.file = name
        if name in items:
            read_item(items[name], into, points=points.get(name), timer_s=timers.get(name))
    into.file = ""


def _listed(manifest: Node, base: str) -> Iterator[tuple[str, list[str]]]:
    """Each item's file, and the keywords that describe it."""
    for resource in manifest.walk():
        at = resource.attributes
        if resource.name != "resource" or "item" not in at.get("type", ""):
            continue
        keywords = [
            said
            for node in resource.walk()
            if node.name == "keyword"
            for one in node.elements()
            if (said := tidy_line(one.text()))
        ]
        yield _path(base, at.get("href", "")), keywords


def _referred(test: Node, base: str) -> Iterator[tuple[str, int | None]]:
    for one in test.walk():
        if plain_name(one) != "assessmentitemref":
            continue
        limits = [node for node in one.elements() if plain_name(node) == "timelimits"]
        at = limits[0].attributes if limits else {}
        most = at.get("max-time", at.get("maxTime", ""))
        whole = most.partition(".")[0]
        timer_s = int(whole) if whole.isascii() and whole.isdecimal() and len(whole) < 6 else None  # noqa: PLR2004
        yield _path(base, one.attributes.get("href", "")), timer_s


def _path(base: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(base, unquote(href)))


# -- writing --------------------------------------------------------------------------------------


def write(made: QuestionSet) -> bytes:
    """The set as a package; `read` gives the same questions."""
    names = [f"item-{number:03}" for number in range(1, len(made.items) + 1)]
    refs, resources = [], []
    for name, one in zip(names, made.items, strict=True):
        limits = "" if one.timer_s is None else f'<qti-time-limits max-time="{one.timer_s}"/>'
        refs.append(
            f'<qti-assessment-item-ref identifier="{name}" href="items/{name}.xml">{limits}'
            "</qti-assessment-item-ref>"
        )
        resources.append(
            f'<resource identifier="{name}" type="imsqti_item_xmlv3p0" href="items/{name}.xml">'
            f'{_keywords(one.points)}<file href="items/{name}.xml"/></resource>'
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        _add(file, MANIFEST, _manifest(resources))
        _add(file, "test.xml", _test(made.name, refs))
        for name, one in zip(names, made.items, strict=True):
            _add(file, f"items/{name}.xml", written_item(one, name))
    return out.getvalue()


def _add(file: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name, _MADE)
    info.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(info, text.encode())


def _keywords(points: list[str]) -> str:
    if not points:
        return ""
    said = "".join(
        f'<lom:keyword><lom:string language="zh">{escaped(point)}</lom:string></lom:keyword>'
        for point in points
    )
    return f"<metadata><lom:lom><lom:general>{said}</lom:general></lom:lom></metadata>"


def _manifest(resources: list[str]) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<manifest xmlns="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"'
        ' xmlns:lom="http://ltsc.ieee.org/xsd/LOM" identifier="manifest">\n'
        "<metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata>\n"
        '<organizations/>\n<resources>\n<resource identifier="test" type="imsqti_test_xmlv3p0"'
        f' href="test.xml"><file href="test.xml"/></resource>\n{chr(10).join(resources)}\n'
        "</resources>\n</manifest>\n"
    )


def _test(name: str, refs: list[str]) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<qti-assessment-test xmlns="{NAMESPACE}" identifier="test" title="{escaped(name)}">\n'
        '<qti-test-part identifier="part" navigation-mode="linear" submission-mode="individual">\n'
        '<qti-assessment-section identifier="section" title="" visible="true">\n'
        f"{chr(10).join(refs)}\n</qti-assessment-section>\n</qti-test-part>\n"
        "</qti-assessment-test>\n"
    )
