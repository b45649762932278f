"""Ten million bytes that no device sends, for each decoder.

    ./dev soak decoders [--bytes 10000000] [--seed 1] [--driver NAME]

Noise, recordings with errors in them and pieces of recordings, in turn, in any pieces. None may
raise, hold more than 2 MiB or give a reading that no intact frame in the bytes justifies
(benchmarks/decoders/oracles.py finds those another way). Where a frame has no check or a weak
one, damage can make an intact frame of another: that is no fault of the decoder, and is not
counted. Readings of noise are: there a check was met by chance. Ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.decoders.fuzz import MOST_HELD_BYTES, Tally, fuzz
from benchmarks.machine import machine
from drivers import registry

HEAD = """\
| decoder | bytes | readings | of noise | wrong | held, KiB | bytes/s |
|---|--:|--:|--:|--:|--:|--:|"""
MEMORY_BYTES = 1_000_000
"""So many are given once more, with every allocation traced, which is slow."""


def row(name: str, tally: Tally, held_bytes: int) -> str:
    """One decoder's, for the table."""
    wrong = "no oracle" if tally.wrong is None else f"{tally.wrong:,}"
    return (
        f"| `{name}` | {tally.fed_bytes:,} | {tally.readings:,} | {tally.of_noise:,} | {wrong} "
        f"| {held_bytes / 1024:,.0f} | {tally.fed_bytes / tally.took_s:,.0f} |"
    )


def main() -> None:
    """Fuzz all decoders, or one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--driver", choices=registry.names())
    arguments = parser.parse_args()
    print(machine(), HEAD, sep="\n\n")
    bad = 0
    for name in [arguments.driver] if arguments.driver else registry.names():
        if registry.load(name).decoder("x") is None:
            continue
        tally = fuzz(name, arguments.bytes, seed=arguments.seed)
        traced_bytes = min(arguments.bytes, MEMORY_BYTES)
        held_bytes = fuzz(name, traced_bytes, seed=arguments.seed, memory=True).held_bytes
        bad += bool(tally.wrong) or held_bytes > MOST_HELD_BYTES
        print(row(name, tally, held_bytes), flush=True)
    print(f"\n{bad} decoders gave a wrong reading or held too much.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
