"""A school's broker on this machine: mosquitto with config/broker, certificates and rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from agent.wire.topics import Address

CONFIG = Path(__file__).parents[2] / "config" / "broker"
ADDRESS = Address("4403", "440305", "s012", "r301", "board-1")
"""The board of config/broker/boards.acl."""
INGEST = "school-ingest"
BOARDS = ("board-1", "board-2")
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make_keys(folder: Path) -> None:
    """The school's authority, and certificates of its broker, its ingest and two boards."""
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        folder,
        *("req", "-x509", "-newkey", *EC, "-keyout", "ca.key", "-out", "ca.crt"),
        *("-subj", "/CN=School CA", "-days", "2"),
    )
    _certify(folder, "broker", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    for name in (INGEST, *BOARDS):
        _certify(folder, name, "extendedKeyUsage=clientAuth\n")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def _certify(folder: Path, name: str, extension: str) -> None:
    _openssl(
        folder,
        *("req", "-newkey", *EC, "-keyout", f"{name}.key", "-out", f"{name}.csr"),
        *("-subj", f"/CN={name}"),
    )
    (folder / f"{name}.ext").write_text(extension)
    _openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-days", "2", "-out", f"{name}.crt", "-extfile", f"{name}.ext"),
    )


def write_settings(folder: Path, keys: Path, port: int, *, persistence: bool = True) -> Path:
    """config/broker/mosquitto.conf with nothing changed but port, folders and user.

    Without `persistence` it forgets everything when it ends.
    """
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIG / "boards.acl", folder)
    settings = (CONFIG / "mosquitto.conf").read_text()
    changes = {
        "listener 8883": f"listener {port} 127.0.0.1",
        "/etc/mosquitto/classroom/boards.acl": str(folder / "boards.acl"),
        "/etc/mosquitto/classroom/": f"{keys}/",
        "/var/lib/mosquitto/": f"{data}/",
    }
    if not persistence:
        changes["persistence true"] = "persistence false"
    for written, here in changes.items():
        if written not in settings:
            raise ValueError(f"config/broker/mosquitto.conf does not say {written!r}")
        settings = settings.replace(written, here)
    if os.geteuid() == 0:
        settings += "user root\n"
    path = folder / "mosquitto.conf"
    path.write_text(settings)
    return path
