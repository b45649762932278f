"""A board as a file: SVG to look at, InkML (W3C) with the time and the pressure of every point."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.lesson.ink import Point, Step, Under

INKML = "http://www.w3.org/2003/InkML"
SVG = "http://www.w3.org/2000/svg"
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
PIECE_BYTES = 48 * 1024
"""A multiple of three, so that pieces in base64 join."""
COLOURS = {"black": "#1b1f23", "red": "#c62828", "blue": "#1565c0", "green": "#2e7d32"}


def _path(points: Iterable[Point]) -> str:
    """A path of straight lines; a single point is a dot, which a line of no length draws."""
    said = [f"{one.x_mm:g} {one.y_mm:g}" for one in points]
    return f"M{said[0]}L{' '.join(said[1:] or said)}"


def svg(strokes: Sequence[Step], width_mm: float, height_mm: float) -> str:
    """The board in its own size. What an eraser touched is masked out of all before it."""
    return "".join(svg_around(strokes, width_mm, height_mm))


def svg_around(
    strokes: Sequence[Step], width_mm: float, height_mm: float, under: Under | None = None
) -> tuple[str, str]:
    """As `svg`, in two parts: a picture's address belongs between them, if one lies under it."""
    body: list[str] = []
    masks: list[str] = []
    for stroke in strokes:
        line = (
            f'<path d="{_path(stroke.points())}" fill="none" stroke-linecap="round" '
            f'stroke-linejoin="round" stroke-width="{stroke.width_mm:g}" '
        )
        if stroke.tool == "eraser":
            number = len(masks) + 1
            masks.append(
                f'<mask id="w{number}" maskUnits="userSpaceOnUse" x="0" y="0" '
                f'width="{width_mm:g}" height="{height_mm:g}"><rect width="{width_mm:g}" '
                f'height="{height_mm:g}" fill="#fff"/>{line}stroke="#000"/></mask>'
            )
            if body:
                body = [f'<g mask="url(#w{number})">', *body, "</g>"]
        else:
            body.append(f'{line}stroke="{COLOURS[stroke.colour]}"/>')
    defs = f"<defs>{''.join(masks)}</defs>" if masks else ""
    image, image_end = ("", "") if under is None else (f'<image {_box(under)} href="', '"/>')
    return (
        f'<svg xmlns="{SVG}" width="{width_mm:g}mm" height="{height_mm:g}mm" '
        f'viewBox="0 0 {width_mm:g} {height_mm:g}"><rect width="{width_mm:g}" '
        f'height="{height_mm:g}" fill="#fff"/>{image}',
        f"{image_end}{defs}{''.join(body)}</svg>\n",
    )


def _box(under: Under) -> str:
    return (
        f'x="{under.x_mm:g}" y="{under.y_mm:g}" '
        f'width="{under.width_mm:g}" height="{under.height_mm:g}"'
    )


def embedded(before: str, picture: Path, media_type: str, after: str) -> Iterator[bytes]:
    """An SVG with the picture in it, in pieces: it is never in memory as a whole."""
    yield f"{before}data:{media_type};base64,".encode()
    with picture.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield base64.b64encode(piece)
    yield after.encode()


def _brushes(strokes: Iterable[Step]) -> dict[tuple[str, str, float], str]:
    kinds = dict.fromkeys((one.tool, one.colour, one.width_mm) for one in strokes)
    return {kind: f"b{number}" for number, kind in enumerate(kinds, 1)}


def inkml(strokes: Sequence[Step], under: Under | None = None) -> str:
    """A brush for each kind of pen, a trace for each stroke: mm, ms, and force from 0 to 1.

    Of a picture under it is said which, by its SHA-256, and where it lies.
    """
    out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<ink xmlns="{INKML}">']
    if under is not None:
        media = under.picture.media_type
        name = f"{under.picture.sha256}.{ENDINGS[media]}"
        out.append(
            f'<annotationXML type="picture" encoding="{media}" href="{name}">'
            f'<image xmlns="{SVG}" {_box(under)} href="{name}"/></annotationXML>'
        )
    out.append("<definitions>")
    for name, force in (("plain", ""), ("pressed", _channel("F", "0", "1", "dev"))):
        out.append(
            f'<context xml:id="{name}"><inkSource xml:id="{name}Source"><traceFormat>'
            f"{_channel('X', '', '', 'mm')}{_channel('Y', '', '', 'mm')}"
            f'<channel name="T" type="integer" units="ms"/>{force}'
            f"</traceFormat></inkSource></context>"
        )
    brushes = _brushes(strokes)
    for (tool, colour, width_mm), brush in brushes.items():
        kind = "erase" if tool == "eraser" else "copyPen"
        out.append(
            f'<brush xml:id="{brush}"><brushProperty name="color" value="{COLOURS[colour]}"/>'
            f'<brushProperty name="width" value="{width_mm:g}" units="mm"/>'
            f'<brushProperty name="rasterOp" value="{kind}"/></brush>'
        )
    out.append("</definitions>")
    for stroke in strokes:
        brush = brushes[stroke.tool, stroke.colour, stroke.width_mm]
        points = list(stroke.points())
        pressed = points[0].pressure is not None
        said = (
            f"{one.x_mm:g} {one.y_mm:g} {one.ms}" + (f" {one.pressure:g}" if pressed else "")
            for one in points
        )
        context = "pressed" if pressed else "plain"
        out.append(f'<trace contextRef="#{context}" brushRef="#{brush}">{", ".join(said)}</trace>')
    return "\n".join([*out, "</ink>\n"])


def _channel(name: str, lowest: str, highest: str, units: str) -> str:
    bounds = f' min="{lowest}" max="{highest}"' if lowest else ""
    return f'<channel name="{name}" type="decimal"{bounds} units="{units}"/>'
