"""The command line `classroom-agent`.

Exit status: 0 well, 1 it could not be done, 2 what was given must be corrected.
"""

# Each command imports what it needs: `version` must not load a web server.
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from pathlib import Path

from agent.errors import AgentError, InputInvalid, SettingsInvalid
from agent.journal.errors import GivenUnfit, JournalError
from drivers.errors import DriverError, UnknownDriver

WELL, FAILED, CORRECT_IT = 0, 1, 2
JOURNAL_FILE = "journal.db"
SETTINGS = "the board's settings file"


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        if given[:1] == ["demo"]:
            from agent.demo.command import main as demo

            return demo(given[1:])
        arguments = _parser().parse_args(given)
        status: int = arguments.carry_out(arguments)
        sys.stdout.flush()
    except SettingsInvalid as error:
        return _tell(CORRECT_IT, *error.lines())
    except UnknownDriver as error:
        return _tell(CORRECT_IT, f"{error.where}: there is no such driver; {error.hint}")
    except (InputInvalid, DriverError, GivenUnfit) as error:
        return _tell(CORRECT_IT, f"{error.where}: {error.hint}")
    except (AgentError, JournalError) as error:
        return _tell(FAILED, f"{error.where}: {error.hint}")
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _tell(status: int, *lines: str) -> int:
    for one in lines:
        print(one, file=sys.stderr)
    return status


def _run(arguments: argparse.Namespace) -> int:
    from agent import app
    from agent.settings_file import load

    return app.run(load(arguments.config), arguments.config)


def _check_config(arguments: argparse.Namespace) -> int:
    from agent.settings_file import files_not_there, load

    settings = load(arguments.file)
    place, web, cloud = settings.place, settings.web, settings.cloud
    scheme = "https" if web.tls_cert_file else "http"
    print("ok")
    print(f"board   {settings.agent.device_id}")
    print(f"place   {place.city}/{place.county}/{place.school}/{place.room}")
    print(f"pages   {scheme}://{web.host}:{web.port}")
    print(f"cloud   {cloud.url if cloud else 'off'}")
    for device in settings.devices:
        port = device.options.get("port", "")
        print(f"device  {device.id}: {device.driver} {port}".rstrip())
    for missing in files_not_there(settings):
        print(f"note: not on this machine: {missing}", file=sys.stderr)
    return WELL


def _devices(arguments: argparse.Namespace) -> int:
    import msgspec

    from agent import discovery
    from agent.settings_file import load

    devices = load(arguments.config).devices if arguments.config is not None else ()
    used = discovery.ports_in_use(devices)
    found = discovery.find(discovery.this_machine(), used, taken=[one.id for one in devices])
    if arguments.json:
        print(msgspec.json.encode({"devices": found}).decode())
        return WELL
    if not found:
        print("No device found. Plug it in, and look again.")
    for one in found:
        print(*discovery.lines(one), sep="\n", end="\n\n")
    return WELL


def _decode(arguments: argparse.Namespace) -> int:
    from agent.commands import decode

    name = arguments.file
    decoder = decode.decoder_of(arguments.driver, arguments.device or arguments.driver)
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            pieces = decode.hex_chunks(file, name) if arguments.hex else decode.raw_chunks(file)
            beginning = decode.Beginning(pieces)
            count = 0
            for reading in decode.readings(decoder, beginning):
                print(decode.line(reading))
                count += 1
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputInvalid("file_unreadable", name, f"cannot be read: {error.strerror}") from error
    if count == 0 and not arguments.hex and beginning.is_hex_text():
        hint = "no reading in it, and it is hex written as text: add --hex"
        raise InputInvalid("hex_not_said", name, hint)
    junk_bytes = decoder.junk_bytes
    junk_bytes += decode.cut_off_bytes(decoder, decode.decoder_of(arguments.driver, ""))
    print(f"{count} readings, {junk_bytes} junk bytes", file=sys.stderr)
    return WELL


def _outbox(arguments: argparse.Namespace) -> int:
    import msgspec

    from agent.commands.outbox import inspect
    from agent.settings_file import load

    report = inspect(load(arguments.config).agent.data_dir / JOURNAL_FILE)
    if arguments.json:
        print(msgspec.json.encode(report).decode())
        return WELL
    print(f"{report.waiting} of {report.events} events wait for the school's receipt")
    if report.oldest is not None:
        one = report.oldest
        print(f"oldest: {one.kind} {one.epoch}:{one.seq}, {one.at or 'time unknown'}")
    print(f"receipt up to {report.receipt}" if report.receipt else "no receipt yet")
    for event, reason in report.aside.items():
        print(f"put aside: {event}: {reason}")
    return WELL


def _backup(arguments: argparse.Namespace) -> int:
    from agent.commands import backups
    from agent.settings_file import load

    agent = load(arguments.config).agent
    manifest = backups.make(agent.data_dir, arguments.out, agent.device_id)
    print(backups.described(manifest))
    print(
        f"{arguments.out}: {arguments.out.stat().st_size} bytes. It holds students' names, the key"
        " that hides them, and the PIN's hash: keep it where only you can read it."
    )
    return WELL


def _restore(arguments: argparse.Namespace) -> int:
    from agent.commands import backups
    from agent.settings_file import load

    agent = load(arguments.config).agent
    manifest = backups.checked(arguments.backup, agent.data_dir, agent.device_id)
    print(backups.described(manifest))
    if not arguments.yes:
        print(
            f"This replaces what is in {agent.data_dir}; the former files are kept beside it.\n"
            "Answers that neither the school nor this backup has will be in those files alone."
        )
        if not sys.stdin.isatty() or input("Type yes to go on: ").strip() != "yes":
            raise InputInvalid("not_confirmed", "restore", "nothing was changed; add --yes")
    kept = backups.put_back(arguments.backup, agent.data_dir)
    print(f"It is put back. The former files: {kept}" if kept else "It is put back.")
    return WELL


def _damaged(arguments: argparse.Namespace) -> int:
    from agent.commands import damaged
    from agent.settings_file import load

    data_dir = load(arguments.config).agent.data_dir
    if arguments.what == "export":
        for path in damaged.export(data_dir, arguments.name, arguments.out):
            print(path)
        return WELL
    found = damaged.listed(data_dir)
    if not found:
        _tell(WELL, f"{data_dir}: no damaged files")
    for one in found:
        state = "being saved" if one.pending else "all that reads is saved"
        print(f"{one.path.name}  {one.size_bytes} bytes  {state}")
    return WELL


def _sets(arguments: argparse.Namespace) -> int:
    from agent.commands import sets
    from agent.sets.items import SetProblem
    from agent.settings_file import load

    store = sets.store_of(load(arguments.config).agent.data_dir)
    if arguments.what == "import":

        def tell(problems: list[SetProblem]) -> None:
            _tell(CORRECT_IT, *sets.lines(problems))

        heads = [sets.bring(store, arguments.file, arguments.name, tell)]
    elif arguments.what == "export":
        sets.export(store, arguments.set, arguments.out)
        print(arguments.out)
        return WELL
    else:
        heads = store.heads()
        if not heads:
            _tell(WELL, f"{store.path.parent}: no question sets")
    for one in heads:
        print(f"{one.id}  {one.items} questions  version {one.version}  {one.name}")
    return WELL


def _flash(arguments: argparse.Namespace) -> int:
    from agent.commands.flash import flash, image_of
    from agent.settings_file import load
    from firmware_bridge.flash_errors import FlashError
    from firmware_bridge.flasher import IN_WORDS
    from firmware_bridge.image import FlashStep

    said = ""

    def tell(step: FlashStep) -> None:
        nonlocal said
        line: str = step.phase
        if step.phase in ("writing", "verifying"):
            if step.percent % 25:
                return
            line = f"{step.phase} {step.percent} %"
        if line != said and step.phase != "done":
            said = line
            print(line, file=sys.stderr, flush=True)

    try:
        image = image_of(arguments.image, arguments.sha256)
        about = f"{image.board.name} and {IN_WORDS[image.keypads]}"
        print(f"firmware {image.version} for {about}", file=sys.stderr)
        settings = None if arguments.config is None else load(arguments.config)
        version = flash(
            settings, arguments.device, image, tell, change_keypads=arguments.change_keypads
        )
    except FlashError as error:
        status = CORRECT_IT if isinstance(error, ValueError) else FAILED
        allowed = "; --change-keypads writes it all the same"
        more = allowed if error.code == "keypads_differ" else ""
        return _tell(status, f"{error.where}: {error.hint}{more}")
    print(f"{arguments.device}: it runs firmware {version}")
    return WELL


def _roster(arguments: argparse.Namespace) -> int:
    import msgspec

    from agent.commands import roster
    from agent.settings_file import load

    data_dir = load(arguments.config).agent.data_dir
    if arguments.what == "undo":
        undone = roster.undo(data_dir)
        print(f"As before: {', '.join(undone.classes)}")
        return WELL
    if arguments.path is None:
        raise InputInvalid("path_missing", "roster import", "say which FILE or FOLDER")
    take = not arguments.dry_run
    seen, reply = roster.send(data_dir, arguments.path, class_id=arguments.class_id, take=take)
    if arguments.json:
        print(msgspec.json.encode({"taken": take and reply.ok, "preview": seen}).decode())
    else:
        print(*roster.lines(seen), sep="\n")
        said = "taken" if reply.ok and take else "nothing was taken"
        print(said if reply.ok or not reply.hint else reply.hint)
    return WELL if seen.takeable and reply.ok else CORRECT_IT


def _set_pin(arguments: argparse.Namespace) -> int:
    from agent.commands import pin_entry
    from agent.settings_file import load

    data_dir = load(arguments.config).agent.data_dir
    pin_entry.keep(data_dir, pin_entry.ask())
    print(
        "The PIN is changed. Teachers sign in with it from now on, again where they were signed in."
    )
    return WELL


def _version(_: argparse.Namespace) -> int:
    print(installed_version("classroom-agent"))
    return WELL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="classroom-agent", description="The classroom's own computer.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=installed_version("classroom-agent"))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="run the agent until it is told to stop")
    run.set_defaults(carry_out=_run)
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)

    # Its arguments are its own: main() hands them on before this parser sees them.
    commands.add_parser("demo", help="run a virtual classroom (see: demo --help)", add_help=False)

    check = commands.add_parser("check-config", help="check a settings file, all of it at once")
    check.set_defaults(carry_out=_check_config)
    check.add_argument("file", type=Path, metavar="FILE")

    devices = commands.add_parser(
        "devices", help="list devices and which drivers could be behind them; opens none"
    )
    devices.set_defaults(carry_out=_devices)
    devices.add_argument(
        "--config", type=Path, metavar="FILE", help="say which devices this file uses already"
    )
    devices.add_argument("--json", action="store_true", help="one JSON object")

    decode = commands.add_parser(
        "decode", help="turn a device's recorded bytes into readings, as JSON lines"
    )
    decode.set_defaults(carry_out=_decode)
    decode.add_argument("driver", metavar="DRIVER", help="e.g. clicker.reference or card.em4100")
    decode.add_argument("file", metavar="FILE", help="raw bytes; - for standard input")
    decode.add_argument(
        "--hex", action="store_true", help="FILE is lines of hex; blanks and # comments allowed"
    )
    decode.add_argument("--device", metavar="ID", help="device id to write (default: DRIVER)")

    outbox = commands.add_parser(
        "outbox", help="how many events wait for the school's receipt; changes nothing"
    )
    outbox.set_defaults(carry_out=_outbox)
    outbox.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    outbox.add_argument("--json", action="store_true", help="one JSON object")

    backup = commands.add_parser(
        "backup", help="copy all that the board keeps into one file, beside a running agent"
    )
    backup.set_defaults(carry_out=_backup)
    backup.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    backup.add_argument("out", type=Path, metavar="OUT", help="a file that does not exist yet")

    restore = commands.add_parser("restore", help="put a backup back; the former files are kept")
    restore.set_defaults(carry_out=_restore)
    restore.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    restore.add_argument("backup", type=Path, metavar="IN", help="what `backup` has written")
    restore.add_argument("--yes", action="store_true", help="do not ask")

    damaged = commands.add_parser("damaged", help="list or copy files that were set aside")
    damaged.set_defaults(carry_out=_damaged)
    doing = damaged.add_subparsers(dest="what", metavar="list|export", required=True)
    listing = doing.add_parser("list", help="the damaged files on this board")
    listing.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    export = doing.add_parser("export", help="copy one of them, with its log")
    export.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    export.add_argument("name", metavar="NAME", help="as `damaged list` shows it")
    export.add_argument("out", type=Path, metavar="OUT", help="a file that does not exist yet")

    _sets_arguments(commands.add_parser("sets", help="bring, list or take away question sets"))

    _flash_arguments(
        commands.add_parser(
            "flash", help="write firmware to a receiver, beside a running agent or without one"
        )
    )

    _roster_arguments(commands.add_parser("roster", help="take a class list, or undo the newest"))

    set_pin = commands.add_parser(
        "set-pin", help="change the teacher's PIN, read from the terminal or standard input"
    )
    set_pin.set_defaults(carry_out=_set_pin)
    set_pin.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(carry_out=_version)
    return parser


def _sets_arguments(sets: argparse.ArgumentParser) -> None:
    sets.set_defaults(carry_out=_sets)
    doing = sets.add_subparsers(dest="what", metavar="import|list|export", required=True)
    bring = doing.add_parser("import", help="keep the questions of a file; says what it leaves out")
    bring.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    bring.add_argument("--name", default="", help="of the set (default: the file's own)")
    bring.add_argument("file", type=Path, metavar="IN", help="GIFT, Aiken, CSV, xlsx, QTI 3 or 2")
    listing = doing.add_parser("list", help="the question sets on this board")
    listing.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    export = doing.add_parser("export", help="write a set as GIFT, or as QTI 3 if OUT is a .zip")
    export.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    export.add_argument("set", metavar="SET", help="its id or name, as `sets list` shows it")
    export.add_argument("out", type=Path, metavar="OUT", help="a file that does not exist yet")


def _roster_arguments(roster: argparse.ArgumentParser) -> None:
    roster.set_defaults(carry_out=_roster)
    roster.add_argument("what", choices=["import", "undo"], metavar="import|undo")
    roster.add_argument("--config", type=Path, required=True, metavar="FILE", help=SETTINGS)
    roster.add_argument(
        "path",
        type=Path,
        nargs="?",
        metavar="FILE|FOLDER",
        help="CSV, xlsx, or OneRoster as a zip or a folder",
    )
    roster.add_argument(
        "--class",
        dest="class_id",
        default="",
        metavar="NAME",
        help="the class, where the file names none (default: the file's name)",
    )
    roster.add_argument("--dry-run", action="store_true", help="look it over, take nothing")
    roster.add_argument("--json", action="store_true", help="one JSON object, with names")


def _flash_arguments(flash: argparse.ArgumentParser) -> None:
    flash.set_defaults(carry_out=_flash)
    flash.add_argument("device", metavar="DEVICE", help="its id in the settings, or its port")
    flash.add_argument("image", type=Path, metavar="IMAGE", help="Intel HEX, ELF or BIN")
    flash.add_argument("--config", type=Path, metavar="FILE", help=SETTINGS)
    flash.add_argument(
        "--sha256", metavar="HEX", help="what it must be (default: read from IMAGE.sha256)"
    )
    flash.add_argument(
        "--change-keypads",
        action="store_true",
        help="write firmware for the keypad bus over one for ResponseCards, or the reverse",
    )


if __name__ == "__main__":
    sys.exit(main())
