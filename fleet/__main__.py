"""The school's command line: classroom-fleet."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.wire.broker_url import parse_url
from agent.wire.errors import TopicInvalid, WireError
from agent.wire.topics import Address
from fleet.broker import BrokerOptions, make_client
from fleet.collect import collect
from fleet.ingest import Ingest
from fleet.store import HeldEvent, Store, StoreUnusable


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        if arguments.command == "ingest":
            return _ingest(arguments)
        if arguments.command == "collect":
            return _collect(arguments)
        return _events(arguments)
    except (WireError, StoreUnusable) as error:
        print(f"classroom-fleet: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = error.filename or getattr(arguments, "broker", "")
        print(f"classroom-fleet: {where}: {error.strerror or error}", file=sys.stderr)
        return 2


def _there(name: str) -> Path:
    """A file that is to be read; argparse says which option names one that is not there."""
    path = Path(name)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {name}")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="classroom-fleet", description="The school's side of the classrooms' boards."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    ingest = commands.add_parser("ingest", help="take in what the boards publish")
    ingest.add_argument("--broker", required=True, metavar="URL", help="mqtt://[user@]host[:port]")
    ingest.add_argument("--database", required=True, type=Path, metavar="FILE")
    ingest.add_argument(
        "--share", metavar="NAME", help="divide the work with other ingests of this name"
    )
    ingest.add_argument("--client-id", default="", help="must differ between ingests")
    ingest.add_argument("--password-file", type=_there, metavar="FILE")
    ingest.add_argument("--ca", type=_there, metavar="FILE", help="who vouches for the broker")
    ingest.add_argument("--cert", type=_there, metavar="FILE", help="this ingest's certificate")
    ingest.add_argument("--key", type=_there, metavar="FILE", help="the certificate's key")

    collect = commands.add_parser(
        "collect", help="fetch the damaged files that a board has set aside"
    )
    collect.add_argument("--broker", required=True, metavar="URL", help="mqtt://[user@]host[:port]")
    collect.add_argument("--password-file", type=_there, metavar="FILE")
    collect.add_argument("--ca", type=_there, metavar="FILE", help="who vouches for the broker")
    collect.add_argument(
        "--cert", type=_there, metavar="FILE", help="a certificate of the school's"
    )
    collect.add_argument("--key", type=_there, metavar="FILE", help="the certificate's key")
    collect.add_argument("board", metavar="BOARD", help="CITY/COUNTY/SCHOOL/ROOM/DEVICE")
    collect.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")

    events = commands.add_parser("events", help="show what is held")
    events.add_argument("--database", required=True, type=Path, metavar="FILE")
    events.add_argument("--device", metavar="ID", help="of this board only")
    events.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _ingest(arguments: argparse.Namespace) -> int:
    store = Store(arguments.database)
    ingest = Ingest(
        BrokerOptions(
            url=arguments.broker,
            client_id=arguments.client_id,
            password_file=arguments.password_file,
            ca_file=arguments.ca,
            cert_file=arguments.cert,
            key_file=arguments.key,
        ),
        store,
        share=arguments.share,
        on_ready=lambda: print("ready", flush=True),
    )
    store.open()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda _number, _frame: ingest.stop())
    try:
        ingest.run()
    finally:
        store.close()
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    parts = arguments.board.split("/")
    if len(parts) != len(Address._fields):
        raise TopicInvalid(f"{arguments.board!r} is not CITY/COUNTY/SCHOOL/ROOM/DEVICE")
    options = BrokerOptions(
        url=arguments.broker,
        password_file=arguments.password_file,
        ca_file=arguments.ca,
        cert_file=arguments.cert,
        key_file=arguments.key,
    )
    url = parse_url(options.url)
    client = make_client(options, "collect")
    board = Address(*parts).checked()
    found = collect(client, url.host, url.port, board, arguments.folder)
    for path in found:
        print(path)
    if not found:
        print(f"{board.device} has set nothing aside", file=sys.stderr)
    return 0


def _events(arguments: argparse.Namespace) -> int:
    if not arguments.database.is_file():
        raise StoreUnusable(f"{arguments.database} does not exist")
    store = Store(arguments.database)
    store.open()
    try:
        for event in store.events(arguments.device):
            print(_json(event) if arguments.json else _line(event))
    finally:
        store.close()
    return 0


def _utc(time_ns: int | None) -> str | None:
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    moment = moment.replace(microsecond=time_ns % 1_000_000_000 // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(event: HeldEvent) -> str:
    """`~` marks a time that is an estimate, `<` the latest that it can have been."""
    sign, time_ns = " ", event.at_ns
    if event.clock != "synced":
        sign, time_ns = ("<", event.not_after_ns) if time_ns is None else ("~", time_ns)
    at = f"{sign}{_utc(time_ns)}"
    return f"{event.device} {event.epoch}:{event.seq:<6} {at} {event.kind:<18} {event.body}"


def _json(event: HeldEvent) -> str:
    fields = {
        **event._asdict(),
        "at": _utc(event.at_ns),
        "not_before": _utc(event.not_before_ns),
        "not_after": _utc(event.not_after_ns),
        "body": json.loads(event.body),
    }
    return json.dumps(fields, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
