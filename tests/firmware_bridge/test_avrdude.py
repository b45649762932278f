"""When avrdude cannot even begin: nothing was changed, and that is said."""

import hashlib
import os
import pty
from pathlib import Path

import pytest

from firmware_bridge import avrdude
from firmware_bridge.flash_errors import NothingChanged
from firmware_bridge.image import Chunk, hex_text, read_image
from tests.firmware_bridge.test_image import CODE


async def test_a_program_that_does_not_start_has_changed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "avrdude"
    broken.write_bytes(b"\x7fELF of no machine")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    content = hex_text((Chunk(0, CODE),)).encode()
    image = read_image(content, "receiver.hex", hashlib.sha256(content).hexdigest())
    ours, theirs = pty.openpty()
    try:
        with pytest.raises(NothingChanged, match="flash_failed: nothing was changed"):
            await avrdude.write(os.ttyname(theirs), image, lambda *_: None)
    finally:
        os.close(ours)
        os.close(theirs)
