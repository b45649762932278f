"""What was captured from devices: tests/recordings/DRIVER/NAME.hex, and NAME.jsonl beside it."""

from pathlib import Path
from typing import NamedTuple

from agent.commands import decode

FOLDER = Path(__file__).parents[2] / "tests" / "recordings"


class Recording(NamedTuple):
    """Bytes of one device, and the readings they are, as `decode` writes them."""

    driver: str
    name: str
    data: bytes
    lines: list[str]


def of_driver(driver: str) -> list[Recording]:
    """All recordings of a driver."""
    found = []
    for path in sorted((FOLDER / driver).glob("*.hex")):
        with path.open("rb") as file:
            data = b"".join(decode.hex_chunks(file, path.name))
        lines = path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
        found.append(Recording(driver, path.stem, data, lines))
    return found
