"""The page of devices says what drivers/quality.toml says, of every driver."""

from __future__ import annotations

from drivers.registry import names
from tests.docs.device_page import PAGE, page, qualities


def test_every_driver_has_a_row_and_every_row_a_driver() -> None:
    assert sorted(qualities()) == sorted(names())


def test_the_page_of_devices_is_as_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.docs.device_page"
