from pathlib import Path

import pytest

from benchmarks.eight_receivers import run


@pytest.mark.needs("mosquitto")
def test_eight_receivers_at_200_presses_a_second_lose_and_double_nothing(tmp_path: Path) -> None:
    figures = run(tmp_path, receivers=8, rate=200, seconds=1.5)
    assert figures.pressed == 2400
    assert figures.is_whole, figures
