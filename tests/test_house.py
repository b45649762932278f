"""Guards over the checkout itself: what may lie in it, and what its lists must agree with."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCKS = (
    "requirements.txt",
    "requirements-cards.txt",
    "requirements-dev.txt",
    "requirements-node.txt",
)
BINARY = {".png", ".jpg", ".ico", ".woff2", ".bin", ".hex", ".gz", ".mo"}
# In pieces, so that this file does not hold what it forbids.
FOREIGN = {
    "a package registry's address": re.compile(
        r"py" r"pi\.(org|python)|python" r"hosted\.org|npm" r"js\.|npm" r"mirror"
        r"|regis" r"try\.\w+\.|fi" r"le:///|/sim" r"ple/"
    ),
    "a path of one machine": re.compile(
        r"(?<![\w.~-])/(wo" r"rk|ro" r"ot|ho" r"me/\w+|opt/(pypi|wheels)|Users/\w+)/|\.py" r"env"
    ),
}  # fmt: skip
# A file is named for what it holds.
NAMELESS = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "impl"}


def files_of_checkout() -> list[Path]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("cannot run here: not a git checkout")
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_points_at_one_machine_or_registry(what: str) -> None:
    found = []
    for path in files_of_checkout():
        if path.suffix in BINARY:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := FOREIGN[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found, f"{what} in\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a package registry's address", "--index-url https://" + "pypi" + ".org/simple"),
        ("a package registry's address", '"resolved": "https://registry' + ".npm" + 'js.org/a"'),
        ("a package registry's address", "find-links = fi" + "le:///opt"),
        ("a path of one machine", "open('/ro" + "ot/notes.txt')"),
        ("a path of one machine", "cd /ho" + "me/pi/classroom-agent"),
    ],
)
def test_the_guard_sees_what_it_is_for(what: str, line: str) -> None:
    assert FOREIGN[what].search(line)


def test_files_are_named_for_what_they_hold() -> None:
    nameless = [
        str(path.relative_to(ROOT))
        for path in files_of_checkout()
        for part in path.relative_to(ROOT).parts
        if NAMELESS & set(re.split(r"[._-]", part.lower()))
    ]
    assert not nameless


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_packages_have_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "options such as --index-url"
    packages = re.findall(r"^\w.*(?:\n +.*)*", text, re.MULTILINE)
    assert packages
    without = [p.split()[0] for p in packages if "--hash=sha256:" not in p or "==" not in p]
    assert not without


@pytest.mark.parametrize(
    ("lock", "extras", "alone"),
    [
        ("requirements.txt", ["board", "school", "demo"], False),
        ("requirements-dev.txt", ["board", "school", "demo", "dev"], False),
        ("requirements-cards.txt", ["cards"], True),
    ],
)
def test_the_lock_fits_what_the_project_asks_for(lock: str, extras: list[str], alone: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [] if alone else [Requirement(text) for text in project["dependencies"]]
    for extra in extras:
        asked += [Requirement(text) for text in project["optional-dependencies"][extra]]
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
    stale = [str(one) for one in asked if locked.get(one.name, "") not in one.specifier]
    assert not stale, "run ./dev lock"
    assert not [name for name in locked if name.startswith("opencv")], "the camera is an extra"
    assert not alone or len(locked) == len(asked)
    assert alone or "pyscard" not in locked, "it cannot be built everywhere"


def test_the_front_ends_lock_has_hashes_and_no_address() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if "integrity" not in entry]


def folders_of_map(readme: str) -> set[str]:
    """The paths in the README's map: a fenced block with `agent/` in it, nested by indentation."""
    blocks = [b for b in re.findall(r"^```\w*\n(.*?)^```", readme, re.M | re.S) if "\nagent/" in b]
    assert len(blocks) == 1, "one map of the folders"
    found, parents = set(), dict[int, str]()
    for line in blocks[0].splitlines():
        indent = len(line) - len(line.lstrip())
        names = re.split(r" {2,}|$", line.strip(), maxsplit=1)[0].split()
        above = [parents[depth] for depth in sorted(parents) if depth < indent]
        for name in names:
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", name) and ("/" in name or "." in name):
                found.add((above[-1] if above else "") + name)
        parents = {depth: path for depth, path in parents.items() if depth < indent}
        if names and names[0].endswith("/"):
            parents[indent] = (above[-1] if above else "") + names[0]
    return found


def test_the_map_is_read_by_its_indentation() -> None:
    block = (
        "README.md dev\nagent/   what runs\n  app.py  wires\n  lesson/  a\n    a.py b.py\nfleet/\n"
    )
    assert folders_of_map(f"# Title\n```\n{block}```\n") == {
        "README.md", "agent/", "agent/app.py", "agent/lesson/", "agent/lesson/a.py",
        "agent/lesson/b.py", "fleet/",
    }  # fmt: skip


def test_the_readmes_map_is_the_folders() -> None:
    mapped = folders_of_map((ROOT / "README.md").read_text(encoding="utf-8"))
    assert not sorted(name for name in mapped if not (ROOT / name).exists())
    top = {path.relative_to(ROOT).parts[0] + "/" for path in files_of_checkout()}
    folders = {name for name in top if (ROOT / name).is_dir() and not name.startswith(".")}
    assert not sorted(folders - mapped)
