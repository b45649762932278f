"""A settings file: what is taken, and how each mistake is told."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.errors import AgentError, SettingsInvalid
from agent.settings_file import MAX_FILE_BYTES, files_not_there, load
from agent.settings_lines import KeyLines

GOOD = """\
[agent]
device_id = "board-1"

[place]
city = "c"
county = "n"
school = "s"
room = "r"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "board.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """Each problem as `LINE: KEY: text`."""
    path = write(folder, text)
    with pytest.raises(SettingsInvalid) as refused:
        load(path)
    assert all(line.startswith(f"{path}") for line in refused.value.lines())
    return [line.removeprefix(f"{path}:").strip() for line in refused.value.lines()]


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert settings.agent.data_dir == Path("/var/lib/classroom-agent")
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 8080)  # noqa: S104 (as settings.py)
    assert settings.cloud is None
    assert settings.devices == ()


def test_an_empty_cloud_is_off(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD + "[cloud]\n")).cloud is None


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    with pytest.raises(ValidationError):
        settings.web.port = 1  # type: ignore[misc]  # it is frozen


def test_files_count_from_the_settings_file(tmp_path: Path) -> None:
    text = GOOD + '[cloud]\nurl = "mqtts://h"\nca_file = "ca.pem"\n'
    settings = load(write(tmp_path, text))
    assert settings.cloud is not None
    assert settings.cloud.ca_file == tmp_path / "ca.pem"
    assert files_not_there(settings) == [f"cloud.ca_file: {tmp_path / 'ca.pem'}"]
    (tmp_path / "ca.pem").touch()
    assert not files_not_there(settings)


def test_options_of_a_device_go_to_its_driver(tmp_path: Path) -> None:
    text = GOOD + '[[devices]]\nid = "door"\ndriver = "card.em4100"\nport = "/dev/x"\n'
    (device,) = load(write(tmp_path, text)).devices
    assert (device.id, device.driver) == ("door", "card.em4100")
    assert device.options == {"port": "/dev/x"}


def test_a_file_saved_by_notepad_is_read(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).agent.device_id == "board-1"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "[web]\nprot = 80\n",
            ["10: web.prot: unknown key `prot`; did you mean `port`?"],
        ),
        ("[wep]\n", ["9: wep: unknown key `wep`; did you mean `web`?"]),
        ("[web]\nurl = 3\n", ["10: web.url: unknown key `url`; it belongs into [cloud]"]),
        (
            "[journal]\nquux = 1\n",
            [
                "10: journal.quux: unknown key `quux`; there are: "
                "window_ms, max_mb, reserve_mb, pictures_mb, keep_days"
            ],
        ),
        (
            '[web]\nport = "80"\n',
            ["10: web.port: must be a whole number without quotes, not '80'"],
        ),
        (
            "[web]\nport = true\n",
            ["10: web.port: must be a whole number without quotes, not true"],
        ),
        ("[web]\nport = 0\n", ["10: web.port: must be at least 1, not 0"]),
        ("[web]\nport = 70000\n", ["10: web.port: must be at most 65535, not 70000"]),
        ('[web]\nhost = ""\n', ["10: web.host: cannot be empty"]),
        (
            '[web]\nallowed_hosts = [\n  "a.example",\n  "a b",\n]\n',
            ["10: web.allowed_hosts[1]: cannot be 'a b'"],
        ),
        (
            '[web]\nport = 80\ntls_cert_file = "c.pem"\n',
            ["9: web: tls_cert_file and tls_key_file go together: give both or neither"],
        ),
        (
            '[cloud]\nca_file = "a"\n',
            [
                "9: cloud.url: is missing: mqtt://[user@]host[:port] or mqtts://...; "
                "a password goes into password_file"
            ],
        ),
        (
            '[cloud]\nurl = "mqtt://u:hunter2@h"\n',
            ["10: cloud.url: no password in the broker's address: name a file that holds it"],
        ),
        (
            '[cloud]\nurl = "http://h"\n',
            ["10: cloud.url: the broker's address must begin with mqtt:// or mqtts://"],
        ),
        (
            '[cloud]\nurl = "mqtt://h"\npassword_file = "p"\nca_file = "c"\n',
            [
                "11: cloud.password_file: needs a user in the url: mqtts://user@host",
                "12: cloud.ca_file: needs TLS: write the url with mqtts://",
            ],
        ),
        (
            '[[devices]]\nid = "a"\n',
            ['9: devices[0].driver: is missing: Name of its driver, e.g. "card.em4100"'],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "fone"\n',
            ["11: devices[0].driver: unknown driver 'fone'; did you mean 'phone'?"],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "card.em4100"\nprot = "/dev/x"\n',
            [
                "9: devices[0].port: is missing: Serial port, e.g. /dev/serial/by-id/usb-...",
                "12: devices[0].prot: unknown key `prot`; did you mean `port`?",
            ],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "phone"\nport = "/dev/x"\n',
            ["12: devices[0].port: unknown key `port`; there are: id, driver"],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "phone"\n[[devices]]\nid = "a"\ndriver = "phone"\n',
            ["13: devices[1].id: 'a' is already the id of devices[0]"],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "card.em4100"\nport = "/dev/x"\n'
            '[[devices]]\nid = "b"\ndriver = "clicker.reference"\nport = "/dev/x"\n',
            ["16: devices[1].port: '/dev/x' is already the port of devices[0]"],
        ),
        (  # on one receiver hangs one card reader
            '[[devices]]\nid = "a"\ndriver = "clicker.reference"\nport = "/dev/x"\n'
            '[[devices]]\nid = "b"\ndriver = "card.wiegand"\nport = "/dev/x"\n'
            '[[devices]]\nid = "c"\ndriver = "card.wiegand"\nport = "/dev/x"\n',
            ["20: devices[2].port: '/dev/x' is already the port of devices[1]"],
        ),
        (
            '[[devices]]\nid = "a"\ndriver = "card.em4100"\nport = "/dev/x"\nbaud = 0\n',
            ["13: devices[0].baud: must be more than 0, not 0"],
        ),
        (
            "devices = 3\n",
            ["9: place.devices: unknown key `devices`; there are: city, county, school, room"],
        ),
        ("[devices]\nid = 3\n", ["9: devices: must be a list in [ ], not a table"]),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, more: str, told: list[str]) -> None:
    assert problems(tmp_path, GOOD + more) == told


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("board-1", "board 1").replace('room = "r"', 'rom = "r"')
    assert problems(tmp_path, text + '[cloud]\nurl = "x"\n[[devices]]\nid = "ä"\n') == [
        "2: agent.device_id: must be 1 to 40 letters, digits and hyphens, not 'board 1'",
        "4: place.room: is missing: Code of the room",
        "8: place.rom: unknown key `rom`; did you mean `room`?",
        "10: cloud.url: the broker's address must begin with mqtt:// or mqtts://",
        '11: devices[0].driver: is missing: Name of its driver, e.g. "card.em4100"',
        "12: devices[0].id: must be 1 to 40 letters, digits and hyphens, not 'ä'",
    ]


def test_a_missing_section_has_no_line(tmp_path: Path) -> None:
    found = problems(tmp_path, "")
    assert found[0].endswith("agent: is missing: This board.")
    assert len(found) == 2


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    more = '[cloud]\nurl = "mqtt://u:hunter2@h"\n[web]\nport = "mqtt://u:hunter2@h"\n'
    assert not [line for line in problems(tmp_path, GOOD + more) if "hunter2" in line]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[agent]\ndevice_id = board\n", "2: this is not TOML: Invalid value"),
        ('[agent]\na = "b\n', "2: this is not TOML: "),
        ('a = 1\nb = """\nc', "3: this is not TOML: "),
        ("a = 1\na = 2\n", "2: this is not TOML: Cannot overwrite a value"),
    ],
)
def test_broken_toml_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(told)


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_bytes("[agent]\n# 教室\n".encode("gb18030"))
    with pytest.raises(SettingsInvalid) as refused:
        load(path)
    assert refused.value.lines() == [f"{path}:2: this is not UTF-8; save the file as UTF-8"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    for name, told in [("none", "No such file"), ("", "Is a directory"), ("big", "no settings")]:
        with pytest.raises(SettingsInvalid, match=told) as refused:
            load(tmp_path / name)
        assert refused.value.problems[0].code == "file_unreadable"


def test_the_error_is_of_the_agents_family() -> None:
    assert issubclass(SettingsInvalid, AgentError)
    assert issubclass(SettingsInvalid, ValueError)


def test_lines_of_keys() -> None:
    lines = KeyLines(
        "# a comment\n"
        'top = "x = 1"\n'
        "[a.b]\n"
        'long = """\n'
        "not_a_key = 1\n"
        '"""\n'
        "list = [\n"
        "  1,  # one\n"
        "  2,\n"
        "]\n"
        '"quoted key".inner = 1\n'
        "inline = { deep = 1 }\n"
        "\n"
        "[[t]]\n"
        "k = 1\n"
        "[[t]]\n"
        "k = 2\n"
    )
    assert [
        lines.find(path)
        for path in [
            ("top",), ("a",), ("a", "b", "long"), ("a", "b", "list"), ("a", "b", "list", 1),
            ("a", "b", "quoted key", "inner"), ("a", "b", "inline", "deep"),
            ("t", 0), ("t", 0, "k"), ("t", 1), ("t", 1, "k"), ("t", 1, "missing"), ("none",),
        ]
    ] == [2, 3, 4, 7, 7, 11, 12, 14, 15, 16, 17, 16, None]  # fmt: skip
    assert lines.find(("not_a_key",)) is None
