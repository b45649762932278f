"""What every test may use: the `needs` marker, and the rule that CI skips nothing.

`@pytest.mark.needs("mosquitto", "simavr")` marks a test that runs real programs of the machine,
by the names in `PROGRAMS`. Where one is missing, the test is skipped and says which; with `CI=true`
it fails, and so does every other skip, unless its reason begins with `cannot run here: ` (say, a
kernel without a feature). The programs come with `./dev packages`.
"""

import importlib.util
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

# Name in the marker -> any of these shows that it is there (a program in PATH, or a file).
PROGRAMS = {
    "avr-gcc": ("avr-gcc",),
    "avrdude": ("avrdude",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "faketime": ("faketime",),
    "gcc": ("gcc",),
    "iptables": ("iptables",),
    "make": ("make",),
    "mkfs.ext4": ("mkfs.ext4",),
    "mosquitto": ("mosquitto",),
    "mosquitto_passwd": ("mosquitto_passwd",),
    "node": ("node",),
    "openssl": ("openssl",),
    "optiboot": ("/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot.c",),
    "pcscd": ("pcscd",),
    "simavr": ("/usr/include/simavr/sim_avr.h",),
    "systemd-analyze": ("systemd-analyze",),
    "systemd-sysusers": ("systemd-sysusers",),
    "systemd-tmpfiles": ("systemd-tmpfiles",),
    "udevadm": ("udevadm",),
    "umockdev": ("umockdev-run",),
    "unshare": ("unshare",),
    "vpcd": ("/usr/lib/pcsc/drivers/serial/libifdvpcd.so",),
}
# Python packages that ./dev setup leaves out where they cannot be built.
MODULES = {"pyscard": "smartcard"}
IN_CI = os.environ.get("CI") == "true"
EXCUSE = "cannot run here: "

# Debian keeps servers out of an ordinary user's PATH.
os.environ["PATH"] += f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): runs these programs of the machine")


def is_there(program: str) -> bool:
    if program in MODULES:
        return importlib.util.find_spec(MODULES[program]) is not None
    return any(Path(p).exists() if "/" in p else shutil.which(p) for p in PROGRAMS[program])


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [name for marker in item.iter_markers("needs") for name in marker.args]
    missing = sorted({name for name in wanted if not is_there(name)})
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: run ./dev packages, then ./dev setup")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if not reason.startswith(EXCUSE):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped in CI: {reason}"
    return report
