"""The composition root: the only file that builds the parts and wires them together.

Parts start from the ground up and stop in the reverse order: journal, replay, drivers, and then
what takes longer to load, the pages and the line to the school; READY=1 is said when all of it
stands. A part that crashes ends the process, and systemd starts it again.
"""

# ruff: noqa: PLC0415 (presses are taken in before the pages and the uplink are loaded)
from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import importlib.metadata
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent import clock, logs
from agent.buzz_in import BuzzIn
from agent.clock import Clock
from agent.control import Control, Reply
from agent.early_close import EarlyClose
from agent.errors import AgentError, StartAgain
from agent.health import Pulse
from agent.identity import Identity
from agent.intake import Intake
from agent.journal import restore, snapshot
from agent.journal.damage import damaged_files
from agent.journal.recovery import Opened, next_epoch, note_epoch, open_journal
from agent.journal.roster import RosterStore
from agent.journal.sets import SETS, SetStore
from agent.journal.space import MB
from agent.lesson.events import EpochStarted, Place
from agent.lesson.keypads import KeypadWatch
from agent.lesson.model import Moment, Position
from agent.notify import notify, watchdog_s
from agent.pictures import FOLDER, PictureStore, of_lessons
from agent.polling import Polling
from agent.ports import BoardPorts
from agent.private_file import make_folder
from agent.settings import Settings
from agent.storage import Storage
from agent.supervisor import DevicePlan, Supervisor
from agent.watches import Ending, Watches
from agent.web.phones import PhoneDesk

if TYPE_CHECKING:  # the rest is loaded when the drivers run: see _load
    from agent.cloud.uplink import Uplink

log = logging.getLogger(__name__)

STOP_S = 10.0
ANSWERED_S = 0.1
"""So long a command that ends this process may read that it will."""
WATCHDOG_BEATS = 3
GARBAGE_OBJECTS = 2_000
M_ARENA_MAX = -8


def run(settings: Settings, file: Path) -> int:
    """Run the agent until SIGTERM or SIGINT; the exit status. `file`: where the settings stand.

    Raises:
        JournalUnusable: the journal cannot be opened.
        AgentError: a person must act, e.g. the port of the pages is taken.
    """
    logs.begin(settings.agent.log_level)
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)  # one heap for all threads: 1.3 MB less
    ending = asyncio.run(_run(settings, file))
    if ending == "again":
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (itself)
    return 0 if ending == "stopped" else 1


async def _run(settings: Settings, file: Path) -> Ending:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Board(settings, file) as board:
        gc.collect()
        gc.freeze()  # what lives as long as the agent need not be looked at again
        gc.set_threshold(GARBAGE_OBJECTS)  # answers come and go without a circle among them
        notify("READY=1")
        log.info("ready at port %d", board.web.port)
        ending = await board.until(stopped)
        if ending != "again":
            notify("STOPPING=1")
    return "stopped" if stopped.is_set() else ending  # it may have been told while it stopped


class Board:
    """All parts of one agent, wired; started on enter, stopped on exit."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        """Take the settings, open nothing. `file`: where they stand, if devices may be added."""
        self._settings, self._settings_file = settings, file
        self._exits = AsyncExitStack()
        self._watches = Watches(self._exits, settings.agent.data_dir)
        self._restored = asyncio.Event()
        self._renaming: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Board:
        """Start from the ground up: journal, replay, drivers, web, uplink."""
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop in the reverse order; what hangs is left behind after a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._exits.aclose()

    async def until(self, stopped: asyncio.Event) -> Ending:
        """Wait until told to stop, until a part crashes, or must start again with everything.

        Who is told to stop stops, whatever else has happened.
        """
        return await self._watches.until(stopped)

    async def _start(self) -> None:
        settings, exits = self._settings, self._exits
        self._watches.add_callbacks()
        data_dir = _made(settings.agent.data_dir)
        opened = open_journal(data_dir / "journal.db", boot_id=clock.this_boot())
        self.journal = journal = opened.journal
        state = opened.state
        exits.callback(journal.close)
        identity = Identity.load(data_dir)
        phones = PhoneDesk(now_ns=clock.now_ns)
        self.intake = intake = Intake(
            journal,
            state=state,
            window_s=settings.journal.window_ms / 1000,
            now_ns=clock.now_ns,
            name_card=identity.card,
            confirm=lambda *told: supervisor.confirm(*told),  # noqa: PLW0108 (made below)
            keypads=KeypadWatch(
                most_presses=settings.keypads.presses_per_s,
                most_unknown=settings.keypads.unknown_per_minute,
            ),
        )
        plans = [DevicePlan(one.id, one.driver, one.options) for one in settings.devices]
        supervisor = Supervisor(plans, ports=BoardPorts(phones), emit=intake.emit)
        self._keep_snapshots(intake)
        exits.callback(intake.stop)
        await self._begin_epoch(opened)
        self._wall = Clock(
            clock.this_boot(),
            learnt=lambda: intake.committed.clocks,
            submit=intake.submit,
            on_learnt=lambda: self.uplink.announce(),  # noqa: PLW0108 (made later)
        )
        self.pictures = PictureStore(
            data_dir / FOLDER,
            bound_bytes=settings.journal.pictures_mb * MB,
            named=lambda: of_lessons(intake.committed),
            has_room=lambda: self.storage.state.space.reason != "disk",
        )
        self.storage = Storage(
            journal,
            intake,
            settings.journal,
            whole=opened.whole,
            received=lambda: Position(self.uplink.state.epoch, self.uplink.state.upto),
            wall=self._synced_wall,
            now=lambda: self._synced_wall(Moment(journal.boot, clock.now_ns())),
            pictures=self.pictures,
        )
        polling = Polling(lambda: intake.committed, supervisor.show)
        intake.on_commit(polling.committed)
        exits.callback(polling.stop)
        polling.committed()
        buzz_in = BuzzIn(
            intake,
            complete_ns=supervisor.complete_ns,
            now=lambda: Moment(journal.boot, clock.now_ns()),
        )
        intake.on_commit(buzz_in.committed)
        exits.callback(buzz_in.stop)
        buzz_in.committed()
        early_close = EarlyClose(intake)
        intake.on_commit(early_close.committed)
        exits.callback(early_close.stop)
        early_close.committed()
        intake.set_timer()
        await exits.enter_async_context(supervisor)
        # Presses are taken in from here on, while what takes longer to load is loaded.
        await asyncio.to_thread(_load)
        await self._start_lines(supervisor, identity, phones)
        expected_s = watchdog_s()
        if expected_s is not None:
            pulse = Pulse(intake, journal)
            self._watches.add("pulse", pulse.run(expected_s / WATCHDOG_BEATS))

    async def _begin_epoch(self, opened: Opened) -> None:
        """Where numbers of events must not go on from what the journal says, new ones begin."""
        folder, newest = opened.journal.path.parent, opened.state.epoch
        if opened.salvaged:
            epoch = next_epoch(folder, newest, salvaged=True)
            await self.intake.begin_epoch(EpochStarted(reason="salvaged"), epoch)
        elif opened.restored:
            epoch = next_epoch(folder, newest)
            await self.intake.begin_epoch(EpochStarted(reason="restored"), epoch)
            opened.journal.note(restore.RESTORED_NOTE, "0")  # never before the epoch is durable
        elif opened.state.seq == 0:
            epoch = next_epoch(folder, newest)
            await self.intake.begin_epoch(EpochStarted(reason="first_start"), epoch)
        else:
            note_epoch(folder, newest)

    def _synced_wall(self, when: Moment) -> datetime | None:
        at, quality = self._wall.wall(self.journal.boot_id(when.boot), when.mono_ns)
        return at if quality == "synced" else None

    async def _start_lines(
        self, supervisor: Supervisor, identity: Identity, phones: PhoneDesk
    ) -> None:
        """The lines to people and to the school: pages and uplink."""
        from agent.cloud.roll_ups import RollUps
        from agent.flashing import Flashing
        from agent.plugged import PluggedDevices
        from agent.reports import cloud_health, storage_health
        from agent.rosters.desk import attend
        from agent.web.auth import Access
        from agent.web.server import WebServer

        settings, exits = self._settings, self._exits
        intake, journal = self.intake, self.journal
        data_dir = settings.agent.data_dir
        wall, storage = self._wall, self.storage
        rosters = RosterStore(data_dir / "roster.db")
        rosters.look()
        self.uplink = uplink = self._make_uplink(wall, supervisor)
        flashing = Flashing(supervisor, lesson_open=lambda: intake.committed.lesson is not None)
        await exits.enter_async_context(flashing)
        self.web = WebServer(
            host=settings.web.host,
            port=settings.web.port,
            device=settings.agent.device_id,
            place=self._place,
            intake=intake,
            journal=journal,
            rosters=rosters,
            sets=SetStore(data_dir / SETS),
            identity=identity,
            supervisor=supervisor,
            flashing=flashing,
            plugged=PluggedDevices(supervisor, self._settings_file),
            phones=phones,
            pictures=self.pictures,
            access=Access(data_dir, wall_s=wall.wall_s),
            now_ns=clock.now_ns,
            cloud=lambda: cloud_health(uplink.state),
            storage=lambda: storage_health(storage.state, rosters, intake.committed.classes),
            clock_synced=lambda: wall.synced,
            wall=lambda boot, mono_ns: wall.wall(journal.boot_id(boot), mono_ns),
            today=wall.today,
            allowed_hosts=settings.web.allowed_hosts,
            tls_cert_file=settings.web.tls_cert_file,
            tls_key_file=settings.web.tls_key_file,
        )
        roll_ups = RollUps(lambda: intake.committed, uplink.publish_rollup)
        roll_ups.start()
        intake.on_commit(roll_ups.committed)
        intake.on_commit(lambda: uplink.committed(intake.committed.epoch, intake.committed.seq))
        supervisor.on_change(uplink.announce)
        storage.on_change(uplink.announce)
        storage.on_change(self.web.live.changed)
        await exits.enter_async_context(self.web)
        if storage.salvages:
            uplink.hold()
        await exits.enter_async_context(uplink)
        self._watches.add("web", self.web.watch())
        self._watches.add("uplink", uplink.watch())
        self._watches.add("clock", wall.watch())
        self._watches.add("storage", storage.watch())
        control = Control(
            data_dir,
            {"restore": self._restore},
            hold=flashing.hold_port,
            attend={"roster": attend(self.web.roster_desk)},
        )
        await exits.enter_async_context(control)
        self._watches.add("control", self._until_restored())
        if storage.salvages:
            self._watches.add("salvage", self._salvage(uplink))

    async def _salvage(self, uplink: Uplink) -> None:
        """Nothing goes to the school before all is there: gaps might only seem to be gaps."""
        await self.storage.salvage()
        uplink.release()
        await asyncio.Event().wait()  # a watch that ends has crashed

    @property
    def _place(self) -> Place:
        place = self._settings.place
        return Place(city=place.city, county=place.county, school=place.school, room=place.room)

    def _make_uplink(self, wall: Clock, supervisor: Supervisor) -> Uplink:
        from agent.cloud.mqtt import CloudOptions
        from agent.cloud.uplink import Uplink
        from agent.reports import storage_report
        from agent.wire.payloads import DeviceReport
        from agent.wire.topics import Address

        settings, place = self._settings, self._settings.place
        cloud = settings.cloud
        options = None
        if cloud is not None:
            options = CloudOptions(
                url=cloud.url,
                password_file=cloud.password_file,
                ca_file=cloud.ca_file,
                cert_file=cloud.cert_file,
                key_file=cloud.key_file,
            )
        device = settings.agent.device_id
        return Uplink(
            options,
            Address(place.city, place.county, place.school, place.room, device),
            self.journal,
            wall,
            boot=wall.boot_id,
            versions={"agent": importlib.metadata.version("classroom-agent")},
            devices=lambda: [
                DeviceReport(id=one.id, driver=one.driver, state=one.state, refused=one.refused)
                for one in supervisor.devices()
            ],
            storage=lambda: storage_report(self.storage.state),
            damaged=lambda: damaged_files(self.journal.path.parent),
            on_name_taken=self._take_another_name,
        )

    def _restore(self) -> Reply:
        """Start again with the files that are staged, unless that would cut a lesson short."""
        if self.intake.committed.lesson is not None:
            return Reply(ok=False, hint="a lesson is open; end it first")
        restore.make_ready(self.journal.path.parent)
        self._restored.set()
        return Reply(ok=True)

    async def _until_restored(self) -> None:
        await self._restored.wait()
        await asyncio.sleep(ANSWERED_S)
        raise StartAgain("a backup is put back")

    def _take_another_name(self, epoch: int) -> None:
        """The school holds events under names that this journal would give next."""
        if self._renaming is None or self._renaming.done():
            log.error(
                "the school holds more of epoch %d than was written here; does a copy of this "
                "board's card run elsewhere, or does its disk lose what it has said was written?",
                epoch,
            )
            beginning = self.intake.begin_epoch(
                EpochStarted(reason="name_taken"), next_epoch(self.journal.path.parent, epoch)
            )
            self._renaming = asyncio.create_task(beginning, name="name_taken")
            self._renaming.add_done_callback(_log_failure)

    def _keep_snapshots(self, intake: Intake) -> None:
        interval = snapshot.Interval(intake.committed.epoch, intake.committed.seq)

        def committed() -> None:
            if interval.due(intake.committed.epoch, intake.committed.seq):
                snapshot.keep(self.journal, intake.committed)

        intake.on_commit(committed)
        self._exits.callback(lambda: snapshot.keep(self.journal, intake.committed))


def _log_failure(task: asyncio.Task[None]) -> None:
    """What fails is tried again when the school says it again."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s: %s", task.get_name(), task.exception())


def _made(data_dir: Path) -> Path:
    """The folder, made if need be."""
    try:
        make_folder(data_dir, mode=0o750)
    except OSError as error:
        hint = f"cannot be made ({error.strerror}); correct [agent] data_dir or its rights"
        raise AgentError("data_dir_unusable", str(data_dir), hint) from error
    return data_dir


def _load() -> None:
    """Load the pages' and the uplink's packages, in a thread: they take half of the start."""
    # FastAPI asks of every parameter whether it is a model of pydantic's first version; without
    # that version it knows that none is, and 1.5 MB stay free.
    sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]
    importlib.import_module("agent.cloud.uplink")
    importlib.import_module("agent.cloud.roll_ups")
    importlib.import_module("agent.reports")
    importlib.import_module("agent.web.server")
