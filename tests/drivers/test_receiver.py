"""One port, several devices: opened once, read by whoever waits, and lost for all at once."""

import asyncio

import pytest

from agent.supervisor import DevicePlan, Supervisor
from drivers.api import Driver
from drivers.capabilities import Outcome
from drivers.card.wiegand import WiegandReader
from drivers.clicker.reference import Reference
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.on_receiver import OnReceiver, ReceiverOptions
from drivers.ports import ByteLine
from drivers.readings import Attached, CardTap, KeyPress, Reading, ToolLifted
from drivers.serial import SerialLine
from drivers.sim.receiver import PtyLine, VirtualReceiver
from drivers.whiteboard.pentray import PenTray, PenTrayOptions
from firmware_bridge.frame import FrameDecoder
from firmware_bridge.message_table import LAYOUT_CRC, MessageType
from firmware_bridge.messages import Wiegand, decode_from_receiver
from tests.drivers.fake_ports import FakePorts
from tests.drivers.test_card_wiegand import CARD_34
from tests.firmware_bridge.host import FaultyPorts
from tests.firmware_bridge.rigs import SERIAL, boottime_ns, until

OLD = {kind: crc for kind, crc in LAYOUT_CRC.items() if kind not in (0x10, 0x11, 0x50)}


class CountingPorts(FaultyPorts):
    """Notes each port that was opened."""

    async def serial(self, path: str, *, baud: int) -> ByteLine:
        self.opened.append((path, baud))
        return SerialLine(path, baud)


class Devices:
    """Running drivers; `heard` by device."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Reading]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "Devices":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    def run(self, driver: Driver) -> None:
        heard = self.heard[driver.device_id] = []

        async def emit(*readings: Reading) -> None:
            heard.extend(readings)

        self.tasks[driver.device_id] = asyncio.create_task(driver.run(emit))

    async def attached(self, *names: str) -> None:
        await until(lambda: all(self.of(name, Attached) for name in names))

    def of(self, device: str, kind: type[Reading]) -> list[Reading]:
        return [one for one in self.heard[device] if isinstance(one, kind)]

    async def stop(self, name: str) -> None:
        task = self.tasks.pop(name)
        task.cancel()
        await asyncio.wait([task])


def clickers(path: str, ports: FakePorts) -> Reference:
    return Reference("clickers", ReceiverOptions(port=path), ports=ports)


def door(path: str, ports: FakePorts) -> WiegandReader:
    return WiegandReader("door", ReceiverOptions(port=path), ports=ports)


def tray(path: str, ports: FakePorts) -> PenTray:
    return PenTray("tray", PenTrayOptions(port=path), ports=ports)


async def test_three_devices_share_a_port_and_each_hears_its_own() -> None:
    ports = CountingPorts()
    shown: list[str] = []
    receiver = VirtualReceiver(
        SERIAL, now_ns=boottime_ns, on_shown=lambda one: shown.append(one.keypad)
    )
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        mine = clickers(line.path, ports)
        for driver in (mine, door(line.path, ports), tray(line.path, ports)):
            devices.run(driver)
        await devices.attached("clickers", "door", "tray")
        await until(lambda: receiver.wiegand_wanted)
        await until(lambda: len(devices.of("tray", ToolLifted)) == 2)  # where they are at first
        receiver.press("82E9701B", "A")
        receiver.lay_card(CARD_34)
        receiver.set_switches(0b01)
        await until(lambda: len(devices.of("clickers", KeyPress)) == 1)
        await until(lambda: len(devices.of("door", CardTap)) == 1)
        await until(lambda: len(devices.of("tray", ToolLifted)) == 3)
        press = devices.of("clickers", KeyPress)[0]
        assert press.token is not None
        mine.confirm([(press.token, Outcome("accepted"))])
        await until(lambda: shown == ["82E9701B"])
        assert ports.opened == [(line.path, 115_200)]
        assert {type(one) for one in devices.heard["door"]} == {Attached, CardTap}
        assert {type(one) for one in devices.heard["tray"]} == {Attached, ToolLifted}


async def test_a_device_that_stops_leaves_the_port_to_the_others() -> None:
    receiver, ports = VirtualReceiver(SERIAL, now_ns=boottime_ns), CountingPorts()
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        devices.run(tray(line.path, ports))
        await devices.attached("clickers", "tray")
        await devices.stop("tray")
        receiver.press("82E9701B", "A")
        await until(lambda: len(devices.of("clickers", KeyPress)) == 1)
        devices.run(tray(line.path, ports))
        await devices.attached("tray")
        await devices.stop("clickers")
        await until(lambda: len(devices.of("tray", ToolLifted)) == 2)
        receiver.set_switches(0b11)
        await until(lambda: len(devices.of("tray", ToolLifted)) == 4)
        await devices.stop("tray")
        SerialLine(line.path, 115_200).close()  # nobody holds it
        assert len(ports.opened) == 1


async def test_an_unplugged_receiver_is_lost_for_all_and_comes_back_for_all() -> None:
    ports = CountingPorts()
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns)
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        devices.run(tray(line.path, ports))
        await devices.attached("clickers", "tray")
        line.unplug()
        for task in devices.tasks.values():
            await asyncio.wait([task])
            assert isinstance(task.exception(), DeviceLost)
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        devices.run(tray(line.path, ports))
        await devices.attached("clickers", "tray")
        assert len(ports.opened) == 2


async def test_old_firmware_goes_on_and_only_what_it_cannot_do_is_refused() -> None:
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns, layout_crc=OLD)
    ports = CountingPorts()
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        devices.run(door(line.path, ports))
        await devices.attached("clickers")
        await asyncio.wait([devices.tasks["door"]])
        refused = devices.tasks["door"].exception()
        assert isinstance(refused, DeviceMisconfigured)
        assert refused.code == "receiver_lacks"
        assert "WIEGAND" in str(refused)
        receiver.press("82E9701B", "A")
        await until(lambda: len(devices.of("clickers", KeyPress)) == 1)


async def test_an_ability_laid_out_differently_calls_for_a_person() -> None:
    table = LAYOUT_CRC | {MessageType.WIEGAND: 0}
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns, layout_crc=table)
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, CountingPorts()))
        await asyncio.wait([devices.tasks["clickers"]])
        refused = devices.tasks["clickers"].exception()
        assert isinstance(refused, DeviceMisconfigured)
        assert "WIEGAND is laid out differently" in refused.hint


async def test_two_speeds_for_one_port_call_for_a_person() -> None:
    ports = CountingPorts()
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns)
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        await devices.attached("clickers")
        other = Reference("other", ReceiverOptions(port=line.path, baud=9600), ports=ports)
        with pytest.raises(DeviceMisconfigured, match="115200 baud"):
            await other.run(Devices.__aenter__)  # type: ignore[arg-type]  # never emits


async def test_whoever_looks_at_a_receiver_with_a_card_reader_is_shown_no_bytes_of_cards() -> None:
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns)
    heard: list[Reading] = []

    async def emit(*readings: Reading) -> None:
        heard.extend(readings)

    async with PtyLine(receiver, boottime_ns) as line:
        plans = [
            DevicePlan(driver, driver, {"port": line.path})
            for driver in ("clicker.reference", "card.wiegand")
        ]
        async with Supervisor(plans, ports=FaultyPorts(), emit=emit) as supervisor:
            with supervisor.listen("clicker.reference", lambda: None) as listener:
                assert listener is not None
                await until(lambda: receiver.wiegand_wanted)
                receiver.lay_card(CARD_34)
                receiver.press("82E9701B", "A")
                await until(lambda: {type(one) for one in heard} == {KeyPress, CardTap})
                passed = listener.fetch(200)
    shown = [one.data for one in passed if one.way == "in"]
    assert b"" in shown, "the card is counted"
    assert any(bytes.fromhex("82E9701B") in one for one in shown)
    bodies = [body for one in shown for body in FrameDecoder().feed(one)]
    assert not any(isinstance(decode_from_receiver(one), Wiegand) for one in bodies)


def test_devices_on_receivers_say_so() -> None:
    assert all(one.shares_port for one in (OnReceiver, Reference, WiegandReader, PenTray))
    assert not Driver.shares_port


def token_of(devices: Devices, number: int) -> str:
    return devices.of("clickers", KeyPress)[number].token or ""


async def test_presses_that_came_while_no_clickers_were_there_are_given_later() -> None:
    shown: list[str] = []
    receiver = VirtualReceiver(
        SERIAL, now_ns=boottime_ns, on_shown=lambda one: shown.append(one.keypad)
    )
    ports = CountingPorts()
    async with PtyLine(receiver, boottime_ns) as line, Devices() as devices:
        devices.run(clickers(line.path, ports))
        devices.run(tray(line.path, ports))
        await devices.attached("clickers", "tray")
        await devices.stop("clickers")
        receiver.press("82E9701B", "A")
        await asyncio.sleep(0.2)  # the tray's seat has read it
        mine = clickers(line.path, ports)
        devices.run(mine)
        await until(lambda: len(devices.of("clickers", KeyPress)) == 1)
        mine.confirm([(token_of(devices, 0), Outcome("accepted"))])
        receiver.press("82E9701C", "B")
        await until(lambda: len(devices.of("clickers", KeyPress)) == 2)
        mine.confirm([(token_of(devices, 1), Outcome("accepted"))])
        await until(lambda: shown == ["82E9701B", "82E9701C"])
        assert len(devices.of("clickers", KeyPress)) == 2
