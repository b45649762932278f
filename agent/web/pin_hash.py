"""The slow hash of the PIN, in a process of its own, so that its memory comes back.

As a program it reads one JSON line, {"pin", "hash" or null}, from standard input, and prints the
new hash, or `yes` or `no`. Nothing secret is on its command line.
"""

from __future__ import annotations

import asyncio
import json
import sys

ROUNDS, MEMORY_KIB = 5, 7168
"""7 MiB: the leanest of the OWASP Password Storage Cheat Sheet's equal choices for Argon2id."""


async def make_hash(pin: str) -> str:
    """The hash of a PIN, to be kept."""
    return await _ask({"pin": pin, "hash": None})


async def fits(pin: str, kept: str) -> bool:
    """Whether the hash is of this PIN; takes some 100 ms, on purpose."""
    return await _ask({"pin": pin, "hash": kept}) == "yes"


async def _ask(question: dict[str, str | None]) -> str:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await child.communicate(json.dumps(question).encode() + b"\n")
    if child.returncode != 0:
        raise OSError(f"the PIN could not be checked: exit status {child.returncode}")
    return answer.decode("ascii").strip()


def _main() -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415 (in the child alone)
    from argon2.exceptions import VerificationError  # noqa: PLC0415 (as above)

    question = json.loads(sys.stdin.readline())
    hasher = PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=1)
    if question["hash"] is None:
        answer = hasher.hash(question["pin"])
    else:
        try:
            answer = "yes" if hasher.verify(question["hash"], question["pin"]) else "no"
        except VerificationError:
            answer = "no"
    sys.stdout.write(answer + "\n")


if __name__ == "__main__":
    _main()
