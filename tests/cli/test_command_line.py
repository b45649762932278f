"""The command line, as people and scripts use it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent import __main__ as command_line
from benchmarks.decoders import recordings

ROOT = Path(__file__).parent.parent.parent
COMMANDS = (
    *("run", "demo", "check-config", "devices", "decode", "outbox"),
    *("backup", "restore", "damaged", "sets", "roster", "set-pin", "flash", "version"),
)
SETTINGS = """\
[agent]
device_id = "board-1"
data_dir = "data"
[place]
city = "c"
county = "n"
school = "s"
room = "r"
[[devices]]
id = "door"
driver = "card.em4100"
port = "/dev/x"
"""


def classroom_agent(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        cwd=ROOT, input=given, capture_output=True, check=False,
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["run"], ["decode", "phone"], ["run", "-x"]])
def test_what_is_no_command_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("usage: classroom-agent")


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])
    assert ended.value.code == 0
    listed = [line.split()[:1] for line in capsys.readouterr().out.splitlines()]
    assert all([command] in listed for command in COMMANDS)


def test_the_version_loads_no_web_server() -> None:
    code = (
        "import sys; from agent.__main__ import main; main(['version']);"
        "print(sorted({'fastapi', 'pydantic', 'serial', 'sqlite3'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[1] == "[]"


# -- check-config -----------------------------------------------------------------------------


def test_good_settings_are_ok(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["check-config", str(config)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "ok",
        "board   board-1",
        "place   c/n/s/r",
        "pages   http://0.0.0.0:8080",
        "cloud   off",
        "device  door: card.em4100 /dev/x",
    ]
    assert not told.err


def test_a_file_that_is_not_here_is_noted(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = '[cloud]\nurl = "mqtts://h"\nca_file = "ca.pem"\n'
    config.write_text(SETTINGS + more, encoding="utf-8")
    assert command_line.main(["check-config", str(config)]) == 0
    path = config.parent / "ca.pem"
    assert capsys.readouterr().err == f"note: not on this machine: cloud.ca_file: {path}\n"


def test_each_mistake_has_its_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(SETTINGS.replace("port", "prot").replace("room", "rom"), encoding="utf-8")
    assert command_line.main(["check-config", str(config)]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.splitlines() == [
        f"{config}:4: place.room: is missing: Code of the room",
        f"{config}:8: place.rom: unknown key `rom`; did you mean `room`?",
        f"{config}:9: devices[0].port: is missing: Serial port, e.g. /dev/serial/by-id/usb-...",
        f"{config}:12: devices[0].prot: unknown key `prot`; did you mean `port`?",
    ]


@pytest.mark.parametrize("command", ["run", "outbox", "set-pin", "devices"])
def test_bad_settings_stop_every_command(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    assert command_line.main([command, "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: cannot be read: No such file or directory\n"


# -- decode -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["card.em4100", "clicker.reference"])
def test_recordings_are_decoded_raw_and_as_hex(name: str) -> None:
    for recording in recordings.of_driver(name):
        path = str(recordings.FOLDER / name / f"{recording.name}.hex")
        ways = [
            classroom_agent("decode", name, path, "--hex", "--device", "recorded"),
            classroom_agent("decode", name, "-", "--device", "recorded", given=recording.data),
            classroom_agent(
                "decode", "--hex", "--device", "recorded", name, "-",
                given=recording.data.hex().encode(),
            ),
        ]  # fmt: skip
        for told in ways:
            assert told.returncode == 0
            assert told.stdout.decode().splitlines() == recording.lines
            assert told.stderr.startswith(b"%d readings, " % len(recording.lines))


def test_a_reading_is_one_line_of_json_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cards"
    path.write_bytes(b"xx\x021200BC614E81\x03\x021200bc614e81\x03\x021200BC614E80\x03")
    assert command_line.main(["decode", "card.em4100", str(path)]) == 0
    told = capsys.readouterr()
    assert told.out == '{"kind":"CardTap","device":"card.em4100","uid":"1200BC614E"}\n'
    assert told.err == "1 readings, 16 junk bytes\n"


@pytest.mark.parametrize("name", ["card.em4100", "clicker.reference"])
def test_a_frame_cut_off_by_the_end_is_junk(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recordings.of_driver(name)[0]
    path = tmp_path / "bytes"
    counts = []
    for cut_off in (b"", b"\x02\x31\x32\x33"):
        path.write_bytes(recording.data + cut_off)
        assert command_line.main(["decode", name, str(path), "--device", "recorded"]) == 0
        told = capsys.readouterr()
        assert told.out.splitlines() == recording.lines
        counts.append(int(told.err.split()[2]))
    assert counts[1] == counts[0] + 4


def test_hex_may_be_written_as_people_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = "02 30 41 30 30 42 31 43 32 44 33 41 41 03"  # one card, as a reader sends it
    for text in ("\ufeff" + plain, plain.replace(" ", ":"), "0x" + plain.replace(" ", " 0x")):
        file = tmp_path / "bytes.hex"
        file.write_text(text, encoding="utf-8")
        assert command_line.main(["decode", "card.em4100", str(file), "--hex"]) == 0
        told = capsys.readouterr()
        assert '"uid":"0A00B1C2D3"' in told.out
        assert "0 junk" in told.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"02 31\n# fine\nzz\n", ":3: 'z' is no hex digit"),
        (b"# odd\n02 31\n02 3\n", ":3: a hex digit too few or too many"),
        (b"02\n\xff\xfe\n", ":2: '\ufffd' is no hex digit"),
    ],
)
def test_bad_hex_is_named_by_its_line(
    tmp_path: Path, text: bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bytes.hex"
    path.write_bytes(text)
    assert command_line.main(["decode", "card.em4100", str(path), "--hex"]) == 2
    assert capsys.readouterr().err == f"{path}{told}\n"


@pytest.mark.parametrize("name", ["card.em4100", "clicker.reference", "clicker.iclicker"])
def test_who_mixes_up_hex_and_bytes_is_told_what_to_do(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recordings.of_driver(name)[0]
    written = str(recordings.FOLDER / name / f"{recording.name}.hex")
    assert command_line.main(["decode", name, written]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"{written}: no reading in it, and it is hex written as text: add --hex\n"
    raw = tmp_path / "raw"
    raw.write_bytes(recording.data)
    assert command_line.main(["decode", name, str(raw), "--hex"]) == 2
    assert capsys.readouterr().err.endswith("; if the file holds raw bytes, leave out --hex\n")


@pytest.mark.parametrize(
    ("driver", "file", "told"),
    [
        ("card.em410", "x", "card.em410: there is no such driver; did you mean 'card.em4100'?\n"),
        ("phone", "x", "phone: this device sends no bytes of its own\n"),
        ("card.em4100", "/none", "/none: cannot be read: No such file or directory\n"),
        ("card.em4100", "/", "/: cannot be read: Is a directory\n"),
    ],
)
def test_what_cannot_be_decoded_is_told(
    driver: str, file: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["decode", driver, file]) == 2
    assert capsys.readouterr().err == told


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_bytes(b"\x021200BC614E81\x03\x020100FFEE0111\x03" * 20_000)
    command = f"{sys.executable} -m agent decode card.em4100 {path} | head -n 1"
    told = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.count("\n") == 1
    assert "Traceback" not in told.stderr
    assert "Exception" not in told.stderr


# -- devices ----------------------------------------------------------------------------------


def test_devices_are_listed_for_people_and_for_programs() -> None:
    told = classroom_agent("devices", "--json")
    assert told.returncode == 0
    devices = json.loads(told.stdout)["devices"]
    for one in devices:
        assert one["device"].startswith("/dev/")
        assert one["bus"] in ("serial", "hid", "input")
    told = classroom_agent("devices")
    assert told.returncode == 0
    assert all(one["port"] in told.stdout.decode() for one in devices)
    assert told.stdout


# -- set-pin ----------------------------------------------------------------------------------


def test_a_pin_comes_by_standard_input(config: Path) -> None:
    data_dir = config.parent / "data"
    data_dir.mkdir()
    told = classroom_agent("set-pin", "--config", str(config), given=b"2468135\n")
    assert told.returncode == 0, told.stderr
    kept = data_dir / "teacher-pin.argon2"
    assert kept.read_text().startswith("$argon2")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert b"2468135" not in told.stdout + told.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="cannot run here: needs root")
def test_a_pin_set_by_root_is_the_agents_to_read(config: Path) -> None:
    data_dir = config.parent / "data"
    data_dir.mkdir()
    for folder in (data_dir, *list(data_dir.parents)[:3]):
        folder.chmod(0o755)
    os.chown(data_dir, 65534, 65534)
    told = classroom_agent("set-pin", "--config", str(config), given=b"2468135\n")
    assert told.returncode == 0, told.stderr
    assert (data_dir / "teacher-pin.argon2").stat().st_uid == 65534


@pytest.mark.parametrize("pin", ["", "12345", "1234567890123", "12345a", "٣٣٤٤٥٥", "777777"])
def test_what_is_no_pin_is_refused(config: Path, pin: str) -> None:
    (config.parent / "data").mkdir()
    told = classroom_agent("set-pin", "--config", str(config), given=pin.encode() + b"\n")
    assert told.returncode == 2
    assert told.stderr.startswith(b"PIN: must ")
    assert not list((config.parent / "data").iterdir())


def test_a_pin_needs_the_agents_folder(config: Path) -> None:
    told = classroom_agent("set-pin", "--config", str(config), given=b"2468135\n")
    assert told.returncode == 2
    assert told.stderr.decode().endswith("is data_dir right, and has the agent run?\n")


# -- the page ---------------------------------------------------------------------------------


def test_the_page_has_every_command_with_its_options() -> None:
    page = (ROOT / "docs/command-line.md").read_text(encoding="utf-8")
    headings = {line.split()[1]: line for line in page.splitlines() if line.startswith("## ")}
    assert tuple(headings) == COMMANDS
    for command in set(COMMANDS) - {"demo"}:
        told = classroom_agent(command, "--help").stdout.decode()
        options = set(re.findall(r"(--[a-z-]+)", told)) - {"--help"}
        assert options == set(re.findall(r"(--[a-z-]+)", headings[command])), command


def test_the_readings_on_the_page_are_what_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/command-line.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if line.startswith('{"kind"')]
    path = tmp_path / "card"
    path.write_bytes(b"\x021200BC614E81\x03")
    command_line.main(["decode", "card.em4100", str(path)])
    written = capsys.readouterr().out.strip()
    (press,) = (
        line.replace("recorded", "clicker.reference")
        for line in recordings.of_driver("clicker.reference")[0].lines[:1]
    )
    assert shown == [press, written]
