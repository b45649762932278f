"""The driver of our own receiver. What it does with a receiver: tests/firmware_bridge."""

import pytest

from drivers.capabilities import Confirms, Locatable, Outcome, Polls, QuestionView
from drivers.clicker.reference import (
    REMEMBERED_PRESSES,
    Reference,
    ReferenceDecoder,
    outcome_code,
    show_of,
)
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.on_receiver import ReceiverOptions
from drivers.readings import KeyPress
from drivers.sim.receiver import PtyLine, VirtualReceiver
from firmware_bridge import connection
from firmware_bridge.frame import encode_frame
from firmware_bridge.message_table import LAYOUT_CRC, MessageType
from firmware_bridge.messages import OutcomeCode, Press, Presses, QuestionKind, Show
from tests.firmware_bridge.host import FaultyPorts, Host
from tests.firmware_bridge.rigs import SERIAL, VirtualRig, boottime_ns, until
from tests.firmware_bridge.world import cut


def presses_frame(*names: tuple[int, int]) -> bytes:
    return b"".join(
        encode_frame(Presses((Press(boot, seq, 0, "82E9701B", "A"),)).encode())
        for boot, seq in names
    )


def test_it_can_do_what_a_receiver_can() -> None:
    driver = Reference("rx1", ReceiverOptions(port="/dev/null"), ports=FaultyPorts())
    for ability in (Confirms, Polls, Locatable):
        assert isinstance(driver, ability)
    driver.confirm([("0011223344556677:1:1", Outcome("accepted"))])  # not attached: no harm
    driver.locate()
    assert driver.counters() == {}


async def test_another_protocol_version_calls_for_a_person() -> None:
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns, protocol=(2, 0))
    async with PtyLine(receiver, boottime_ns) as line:
        host = Host(line.path)
        with pytest.raises(
            DeviceMisconfigured, match=f"{SERIAL}.*2.0.*update this program"
        ) as info:
            await host.__aenter__()
    assert (info.value.code, info.value.where) == ("protocol_foreign", line.path)
    assert host.attached == []


async def test_another_message_table_calls_for_a_person() -> None:
    table = LAYOUT_CRC | {MessageType.PRESSES: 0}
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns, layout_crc=table)
    async with PtyLine(receiver, boottime_ns) as line:
        with pytest.raises(DeviceMisconfigured, match="PRESSES is laid out differently"):
            await Host(line.path).__aenter__()


async def test_a_silent_port_is_a_lost_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SILENCE_NS", 300_000_000)
    async with VirtualRig() as rig:
        host = Host(rig.path)
        host.ports.fault = cut
        with pytest.raises(DeviceLost, match="is it a reference receiver") as info:
            await host.__aenter__()
    assert info.value.code == "receiver_silent"


async def test_a_port_that_is_not_there_is_a_lost_device() -> None:
    with pytest.raises(DeviceLost, match="port_missing"):
        await Host("/dev/no-such-port").__aenter__()


async def test_counters_outlive_the_connection() -> None:
    async with VirtualRig() as rig:
        async with Host(rig.path) as host:
            await until(lambda: "receiver_refused" in host.driver.counters())
        assert host.driver.counters()["receiver_refused"] == 0
        assert host.driver.counters()["repeats"] == 0


def test_a_press_sent_again_is_one_line() -> None:
    decoder = ReferenceDecoder("rx1")
    data = presses_frame((1, 1), (1, 2), (1, 1), (1, 2), (2, 3))
    found = decoder.feed(data, 5)
    assert [press.token for press in found] == [":1:1", ":1:2", ":2:3"]
    assert isinstance(found[0], KeyPress)
    assert (found[0].device, found[0].mono_ns, found[0].item) == ("rx1", 5, None)


def test_the_decoder_remembers_a_bounded_number_of_presses() -> None:
    decoder = ReferenceDecoder("rx1")
    for seq in range(1, 3 * REMEMBERED_PRESSES):
        decoder.feed(presses_frame((1, seq)), 0)
    assert len(vars(decoder)["_seen"]) == REMEMBERED_PRESSES


def test_a_frame_that_is_no_message_is_junk() -> None:
    decoder = ReferenceDecoder("rx1")
    assert decoder.feed(encode_frame(b"\x02\x01") + b"noise\0", 0) == []
    assert decoder.junk_bytes == 2 + len("noise")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome("accepted"), OutcomeCode.ACCEPTED),
        (Outcome("changed"), OutcomeCode.CHANGED),
        (Outcome("rejected", "question_closed"), OutcomeCode.QUESTION_CLOSED),
        (Outcome("rejected", "accepted"), OutcomeCode.REJECTED),
        (Outcome("rejected", "storage_full"), OutcomeCode.STORAGE_FULL),
        (Outcome("rejected"), OutcomeCode.REJECTED),
    ],
)
def test_outcomes_have_codes_and_a_rejection_never_ticks(
    outcome: Outcome, code: OutcomeCode
) -> None:
    assert outcome_code(outcome) is code


def test_every_kind_of_question_can_be_shown() -> None:
    for number, kind in enumerate(("single", "true_false", "multiple", "number"), 1):
        view = QuestionView(question=70_000, kind=kind, options=300, answered=0)
        assert show_of(view) == Show(70_000 & 0xFFFF, QuestionKind(number), 255)
    assert show_of(None) == Show(0, QuestionKind.NONE, 0)
