"""A board as a file: SVG to look at, InkML (W3C) with the time and the pressure of every point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.lesson.ink import Point, Step

INKML = "http://www.w3.org/2003/InkML"
COLOURS = {"black": "#1b1f23", "red": "#c62828", "blue": "#1565c0", "green": "#2e7d32"}


def _path(points: Iterable[Point]) -> str:
    """A path of straight lines; a single point is a dot, which a line of no length draws."""
    said = [f"{one.x_mm:g} {one.y_mm:g}" for one in points]
    return f"M{said[0]}L{' '.join(said[1:] or said)}"


def svg(strokes: Sequence[Step], width_mm: float, height_mm: float) -> str:
    """The board in its own size. What an eraser touched is masked out of all before it."""
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_mm:g}mm" height="{height_mm:g}mm" '
        f'viewBox="0 0 {width_mm:g} {height_mm:g}"><rect width="{width_mm:g}" '
        f'height="{height_mm:g}" fill="#fff"/>{defs}{"".join(body)}</svg>\n'
    )


def _brushes(strokes: Iterable[Step]) -> dict[tuple[str, str, float], str]:
    kinds = dict.fromkeys((one.tool, one.colour, one.width_mm) for one in strokes)
    return {kind: f"b{number}" for number, kind in enumerate(kinds, 1)}


def inkml(strokes: Sequence[Step]) -> str:
    """A brush for each kind of pen, a trace for each stroke: mm, ms, and force from 0 to 1."""
    out = [f'<?xml version="1.0" encoding="UTF-8"?>\n<ink xmlns="{INKML}">\n<definitions>']
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
