"""Puts what is not Python into the wheel: settings, systemd units and the built front end."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA_FOLDERS = ("config", "systemd")
PAGES = "frontend/dist"


class DataHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is hatchling's own config class
    """Maps `config/` and `systemd/` to `agent/_data/`, `frontend/dist/` to `agent/web/static/`.

    An editable install reads all three where they lie in the checkout, so nothing is done for it.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders to a wheel.

        Raises:
            SystemExit: a folder is missing, or the front end is not built.
        """
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        for folder in DATA_FOLDERS:
            if not (root / folder).is_dir():
                raise SystemExit(f"{folder}/ is missing: build from a whole checkout.")
            build_data["force_include"][folder] = f"agent/_data/{folder}"
        if not (root / PAGES).is_dir():
            raise SystemExit(f"{PAGES}/ is missing: run ./dev setup, which builds the pages.")
        build_data["force_include"][PAGES] = "agent/web/static"
