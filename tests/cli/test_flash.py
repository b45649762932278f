"""What `flash` refuses before it touches a receiver, and what it says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agent import __main__ as command_line
from tests.cli.test_command_line import SETTINGS
from tests.firmware_bridge.test_image import GOOD

DIGEST = hashlib.sha256(GOOD.encode()).hexdigest()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "receiver.hex"
    path.write_text(GOOD, encoding="ascii")
    path.with_name("receiver.hex.sha256").write_text(f"{DIGEST}  receiver.hex\n", encoding="ascii")
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 2) -> str:
    assert command_line.main(["flash", *map(str, arguments)]) == status
    return capsys.readouterr().err.splitlines()[-1]


def test_an_image_must_have_its_hash_beside_it_or_given(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = image.with_name("receiver.hex.sha256")
    beside.write_text(f"{'0' * 64}  receiver.hex\n", encoding="ascii")
    assert "the file is damaged or another one" in told(capsys, "/dev/none", image)
    beside.unlink()
    assert "put it beside it as receiver.hex.sha256" in told(capsys, "/dev/none", image)
    assert "64 hex digits" in told(capsys, "/dev/none", image, "--sha256", "12")
    assert "the file is damaged" in told(capsys, "/dev/none", image, "--sha256", "1" * 64)
    said = told(capsys, "/dev/none", image, "--sha256", DIGEST, status=1)
    assert said == "/dev/none: plug the device in, or correct `port`"


def test_a_wrong_line_of_the_image_is_named(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = GOOD.replace("\n:10", "\n:11", 1)
    image.write_text(broken, encoding="ascii")
    digest = hashlib.sha256(broken.encode()).hexdigest()
    assert told(capsys, "/dev/none", image, "--sha256", digest).startswith(f"{image}:2: ")


def test_a_device_must_be_in_the_settings_and_bear_firmware_of_ours(
    config: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give the board's settings with --config" in told(capsys, "receiver-1", image)
    given = ("--config", config)
    assert told(capsys, "receiver-1", image, *given).endswith("; there are: door")
    for device in ("door", "/dev/x"):  # by its id, and by its port
        assert "card.em4100 bears no firmware of ours" in told(capsys, device, image, *given)


def test_files_that_cannot_be_read_are_named(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be read" in told(capsys, "/dev/none", tmp_path / "none.hex")
    assert "cannot be read" in told(capsys, "/dev/none", tmp_path, "--sha256", DIGEST)
    said = told(capsys, tmp_path, image)
    assert "not a serial port" in said
