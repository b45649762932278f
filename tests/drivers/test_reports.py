"""A stream of bytes cut into reports."""

import re

from hypothesis import given
from hypothesis import strategies as st

from drivers.reports import Kind, ReportStream

SIZE = 8


def judge(report: bytes, on_grid: bool) -> Kind:
    if report[0] == 1 and report[-1] == 0:
        return Kind.OURS
    return Kind.OTHER if on_grid and report[0] == 2 else Kind.JUNK


def a_stream() -> ReportStream:
    return ReportStream(SIZE, re.compile(b"\x01"), judge)


def a_report(start: int, text: bytes = b"") -> bytes:
    return (bytes((start,)) + text).ljust(SIZE, b"\0")


def test_a_report_of_an_unknown_kind_is_counted_and_skipped() -> None:
    stream = a_stream()
    data = a_report(1, b"one") + a_report(2, b"?") + a_report(1, b"two")
    assert list(stream.feed(data)) == [a_report(1, b"one"), a_report(1, b"two")]
    assert (stream.other_reports, stream.junk_bytes) == (1, 0)


def test_a_report_that_lost_its_end_costs_itself_alone() -> None:
    stream = a_stream()
    data = a_report(2, b"??")[:3] + a_report(1, b"a") + a_report(1, b"b")
    assert list(stream.feed(data)) == [a_report(1, b"a"), a_report(1, b"b")]
    assert (stream.other_reports, stream.junk_bytes) == (0, 3)


pieces = st.one_of(
    st.binary(max_size=20),
    st.binary(max_size=6).map(lambda text: a_report(1, text)),
    st.binary(max_size=7).map(lambda text: a_report(2, text)),
)


@given(st.lists(pieces, max_size=20), st.integers(1, 30))
def test_pieces_make_no_difference_and_every_byte_is_accounted_for(
    parts: list[bytes], size: int
) -> None:
    data = b"".join(parts)
    whole, cut = a_stream(), a_stream()
    found = list(whole.feed(data))
    pieced = [
        report for at in range(0, len(data), size) for report in cut.feed(data[at : at + size])
    ]
    assert found == pieced
    assert (whole.junk_bytes, whole.other_reports) == (cut.junk_bytes, cut.other_reports)
    used = SIZE * (len(found) + whole.other_reports) + whole.junk_bytes
    assert 0 <= len(data) - used < 2 * SIZE
