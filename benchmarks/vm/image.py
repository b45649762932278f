"""The virtual board's disk: a small Debian with the agent installed, as the school's IT would.

Made once and kept in a cache folder; the agent is installed anew each time, from this checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.vm.qemu import Kernel

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
PYTHON = "3.11"  # of that Debian
PACKAGES = "linux-image-amd64,initramfs-tools,kmod,python3,e2fsprogs,ca-certificates"
DEBIAN = ("debootstrap", "qemu-system-x86", "qemu-utils", "e2fsprogs", "mount")
"""What `./dev soak` installs for it."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
DISK_BYTES = 1500 << 20
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt")
GUEST = ("benchmarks/soak", "benchmarks/vm")


class ImageFailed(RuntimeError):
    """The disk could not be made; the message says what to do."""


class Image(NamedTuple):
    """What a virtual board starts from."""

    disk: Path
    kernel: Kernel


def cache_folder() -> Path:
    """Where it is kept: `$XDG_CACHE_HOME/classroom-agent/`, in `~/.cache` as a rule."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache) / "classroom-agent" / "vm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make(work: Path, *, flaw: bool) -> Image:
    """The disk, in `work`; what can be kept is kept in the cache.

    `flaw`: the agent on it does not sync its commits.

    Raises:
        ImageFailed: a program is missing or failed, or this is not root.
    """
    if os.geteuid() != 0:
        raise ImageFailed("the disk's files belong to root: run this as root")
    for program in ("debootstrap", "qemu-system-x86_64", "qemu-img", "mke2fs", "e2fsck"):
        if shutil.which(program) is None:
            raise ImageFailed(f"{program} is missing; as root: apt-get install {' '.join(DEBIAN)}")
    cache = cache_folder()
    root = _debian(cache)
    site = _site_packages(cache)
    wheel = work / "wheel"
    _run(_pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", wheel, ROOT))
    for target in ("opt/site", "opt/checkout", "var/lib/classroom-agent"):
        shutil.rmtree(root / target, ignore_errors=True)
    shutil.copytree(site, root / "opt/site", symlinks=True)
    [built] = wheel.iterdir()
    _run(_pip("install", "--no-deps", "--no-index", "--target", root / "opt/site", built))
    for name in GUEST:
        source, copy = ROOT / name, root / "opt/checkout" / name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "benchmarks/vm/init.sh", root / "opt/init.sh")
    (root / "opt/init.sh").chmod(0o755)
    (root / "var/lib/classroom-agent").mkdir(parents=True)
    (root / "opt/flaw").unlink(missing_ok=True)
    if flaw:
        (root / "opt/flaw").touch()
    disk = work / "base.raw"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    _run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk)])
    [kernel], [initrd] = (
        list((root / "boot").glob(f"{one}-*")) for one in ("vmlinuz", "initrd.img")
    )
    return Image(disk, Kernel(kernel, initrd))


def _debian(cache: Path) -> Path:
    root = cache / f"root-{_digest(SUITE, PACKAGES)}"
    if not root.exists():
        print(f"==> Making a small Debian in {root} (once; a minute or two)", flush=True)
        partial = root.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE]
        _run([*command, str(partial)], hint="is a Debian mirror within reach?")
        for name in NOT_NEEDED:
            shutil.rmtree(partial / name, ignore_errors=True)
        for modules in (partial / "lib/modules").glob("*/kernel"):
            for drivers in (modules / "drivers").iterdir():
                if drivers.name not in ("char", "virtio", "block"):
                    shutil.rmtree(drivers)
            shutil.rmtree(modules / "sound", ignore_errors=True)
        partial.rename(root)
    return root


def _site_packages(cache: Path) -> Path:
    requirements = ROOT / "requirements.txt"
    site = cache / f"site-{_digest(PYTHON, requirements.read_text(encoding='utf-8'))}"
    if not site.exists():
        print(f"==> Fetching the agent's packages into {site} (once)", flush=True)
        partial = site.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = _pip("install", "--target", partial, "--python-version", PYTHON)
        command += [f"--platform={one}" for one in PLATFORMS]
        command += ["--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements)]
        _run(command, hint="is a Python package index within reach?")
        partial.rename(site)
    return site


def _pip(command: str, *arguments: str | Path) -> list[str]:
    pip = [sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check"]
    return [*pip, *map(str, arguments)]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def _run(command: Sequence[str], hint: str = "") -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise ImageFailed(f"{command[0]} failed: {' / '.join(words)} {hint}")
