"""Who may do what: the PIN, codes that pair a browser, signed cookies, and a brake on guessing."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from agent.clock import now_ns, this_boot
from agent.identity import secret_file
from agent.private_file import remove, write_private
from agent.web import pin_hash

Role = Literal["teacher", "guest", "projector"]

PIN_DIGITS = 6
CODE_DIGITS = 6
CODE_S = 120
SCREEN_S = 300
MAX_SCREENS = 8
SESSION_S = 12 * 3600
FREE_TRIES = 5
LONGEST_WAIT_S = 300.0
REMEMBERED_CLIENTS = 1_000
MAX_PIN_CHARS = 64
FLOOD_PRESSES = 20
FLOOD_S = 5.0


class Session(msgspec.Struct, frozen=True, array_like=True):
    """What a cookie says.

    Attributes:
        boot: the boot in which it began.
        until_s: its end on that boot's steady clock, which no correction of the time moves.
        until_wall_s: its end by wall time as it was thought to be then, for a board that has been
            started again; 0 if the time was not known.
        lesson: of a guest or of a phone's seat, the one lesson it is for; "" else.
        seat: of a phone.
        pin: what marked the PIN when it began; another PIN ends it.
    """

    role: Literal["teacher", "guest", "projector", "phone"]
    boot: str
    until_s: int
    until_wall_s: int
    lesson: str = ""
    seat: str = ""
    pin: str = ""


class Cookies:
    """Signed, stateless sessions: they outlive a restart, and end with the secret."""

    def __init__(
        self,
        secret: bytes,
        *,
        boot: str,
        now_s: Callable[[], float] = lambda: now_ns() / 1e9,
        wall_s: Callable[[str, float], float | None],
    ) -> None:
        """Take everything.

        Args:
            secret: 32 bytes that only this board knows.
            boot: the kernel's id of this boot.
            now_s: its steady clock.
            wall_s: wall time of a moment on a boot's steady clock; None if it is not known.
        """
        self._secret = secret
        self._boot = boot
        self._now_s = now_s
        self._wall_s = wall_s
        self._decode = msgspec.json.Decoder(Session).decode
        self._taken_over: OrderedDict[Session, float] = OrderedDict()

    def seal(self, session: Session) -> str:
        """A session as a cookie's value."""
        body = msgspec.json.encode(session).hex()
        return f"{body}.{self._mark(body)}"

    def open(self, value: str | None) -> Session | None:
        """The session of a cookie; None if it is forged, garbled or over."""
        body, dot, mark = (value or "").partition(".")
        if not dot or not hmac.compare_digest(mark.encode(), self._mark(body).encode()):
            return None
        try:
            session = self._decode(bytes.fromhex(body))
        except (ValueError, msgspec.DecodeError):
            return None
        return session if self.lasts(session) else None

    def lasts(self, session: Session) -> bool:
        """Whether a session is not over."""
        if session.boot == self._boot:
            return session.until_s > self._now_s()
        until_s = self._taken_over.get(session)
        if until_s is None:
            until_s = self._take_over(session)
        return until_s > self._now_s()

    def _take_over(self, session: Session) -> float:
        """When a session of an earlier boot ends on the steady clock of this one.

        Said once, so that no later correction of the time ends a session in mid-lesson. Where the
        time is not known, or was plainly wrong, it lasts as long from the power-on as it would
        have from its begin.
        """
        now_s = self._now_s()
        now_wall_s = self._wall_s(self._boot, now_s)
        until_wall_s = self._wall_s(session.boot, session.until_s) or session.until_wall_s
        until_s = float(SESSION_S)
        if now_wall_s and until_wall_s and until_wall_s - now_wall_s <= SESSION_S:
            until_s = now_s + until_wall_s - now_wall_s
        if until_s > now_s:
            self._taken_over[session] = until_s
            if len(self._taken_over) > REMEMBERED_CLIENTS:
                self._taken_over.popitem(last=False)
        return until_s

    def begin(self, role: Role, *, lesson: str = "", pin: str = "") -> Session:
        """A fresh session."""
        return Session(role, *self._ends(), lesson=lesson, pin=pin)

    def seat(self, lesson: str, seat: str) -> Session:
        """A phone's seat in a lesson."""
        return Session("phone", *self._ends(), lesson=lesson, seat=seat)

    def _ends(self) -> tuple[str, int, int]:
        until_s = int(self._now_s()) + SESSION_S
        return self._boot, until_s, int(self._wall_s(self._boot, until_s) or 0)

    def _mark(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), sha256).hexdigest()


class Brake:
    """Slows down guessing, each client for itself: nobody can lock out anybody else."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: a steady clock."""
        self._now_s = now_s
        self._clients: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """How long this client must wait before its next try; 0 if it need not."""
        return max(0.0, self._clients.get(client, (0, 0.0))[1] - self._now_s())

    def failed(self, client: str) -> None:
        """A wrong try: the first few are free, then the wait doubles."""
        count = self._clients.pop(client, (0, 0.0))[0] + 1
        wait_s = 0.0 if count < FREE_TRIES else min(2.0 ** (count - FREE_TRIES), LONGEST_WAIT_S)
        self._clients[client] = (count, self._now_s() + wait_s)
        if len(self._clients) > REMEMBERED_CLIENTS:
            self._clients.popitem(last=False)

    def passed(self, client: str) -> None:
        """A right try."""
        self._clients.pop(client, None)


class Flood:
    """Holds each seat to a rate that no thumb reaches: `FLOOD_PRESSES` within `FLOOD_S`."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: a steady clock."""
        self._now_s = now_s
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, seat: str) -> bool:
        """Count one more press of this seat; False if it is one too many."""
        now_s = self._now_s()
        times = self._recent.setdefault(seat, deque(maxlen=FLOOD_PRESSES))
        self._recent.move_to_end(seat)
        if len(self._recent) > REMEMBERED_CLIENTS:
            self._recent.popitem(last=False)
        if len(times) == FLOOD_PRESSES and now_s - times[0] < FLOOD_S:
            return False
        times.append(now_s)
        return True


class PinStore:
    """The teacher's PIN, kept as an argon2 hash.

    The first one is made at the first start and written beside the hash, readable by the agent's
    user alone, for whoever sets the room up; setting another removes that file.
    """

    def __init__(self, data_dir: Path) -> None:
        """Take everything, open nothing."""
        self.first_pin_path = data_dir / "teacher-pin"
        self._hash_path = data_dir / "teacher-pin.argon2"
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self) -> None:
        """Make a first PIN if there is none."""
        if not self._hash_path.exists():
            pin = "".join(secrets.choice("0123456789") for _ in range(PIN_DIGITS))
            write_private(self.first_pin_path, f"{pin}\n".encode())
            write_private(self._hash_path, (await pin_hash.make_hash(pin)).encode())

    def keep(self, hashed: str) -> None:
        """The PIN is the one of this hash from now on."""
        write_private(self._hash_path, hashed.encode())
        remove(self.first_pin_path)

    async def fits(self, pin: str) -> bool:
        """Whether this is the PIN."""
        if len(pin) > MAX_PIN_CHARS or not self._hash_path.exists():
            return False
        async with self._one_at_a_time:
            return await pin_hash.fits(pin, self._hash_path.read_text(encoding="ascii"))

    @property
    def mark(self) -> str:
        """What tells this PIN from the one before and after it; "" without one."""
        try:
            return f"{self._hash_path.stat().st_mtime_ns:x}"
        except FileNotFoundError:
            return ""


class Pairing:
    """The code that pairs one new browser: shown on request, used once, soon over."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: a steady clock."""
        self._now_s = now_s
        self._code = ""
        self._until_s = 0.0
        self._used: set[str] = set()

    def make(self) -> tuple[str, int]:
        """A fresh code and for how many seconds it is good; the one before is void."""
        self._code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
        self._until_s = self._now_s() + CODE_S
        return self._code, CODE_S

    @property
    def shown(self) -> tuple[str, int] | None:
        """The code that is good now, and for how many more seconds."""
        left_s = self._until_s - self._now_s()
        return (self._code, int(left_s) + 1) if self._code and left_s > 0 else None

    def use(self, code: str) -> Literal["good", "code_wrong", "code_used", "code_expired"]:
        """Try a code; a good one is used up by it."""
        if code in self._used:
            return "code_used"
        if not self._code or not hmac.compare_digest(code.encode(), self._code.encode()):
            return "code_wrong"
        if self._now_s() >= self._until_s:
            return "code_expired"
        self._used = {code}
        self._code = ""
        return "good"


class Screen(msgspec.Struct):
    """A browser that asks to be the projector."""

    number: str
    until_s: float
    approved: bool = False


class Screens:
    """Browsers that wait for the teacher's "allow"."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: a steady clock."""
        self._now_s = now_s
        self._screens: dict[str, Screen] = {}

    def ask(self) -> tuple[str, str] | None:
        """A new screen's id and the number it shows; None while too many wait."""
        self._forget()
        if len(self._screens) >= MAX_SCREENS:
            return None
        screen = secrets.token_urlsafe(16)
        number = f"{secrets.randbelow(10_000):04d}"
        self._screens[screen] = Screen(number, self._now_s() + SCREEN_S)
        return screen, number

    def waiting(self) -> list[tuple[str, str]]:
        """Id and number of each that waits."""
        self._forget()
        return [(key, one.number) for key, one in self._screens.items() if not one.approved]

    def approve(self, screen: str) -> bool:
        """Let it be the projector; False if it is unknown."""
        self._forget()
        if screen not in self._screens:
            return False
        self._screens[screen].approved = True
        return True

    def refuse(self, screen: str) -> bool:
        """Forget it; False if it is unknown."""
        return self._screens.pop(screen, None) is not None

    def redeem(self, screen: str) -> Literal["approved", "waiting", "unknown"]:
        """Whether it may be the projector now; an approval is used up by it."""
        self._forget()
        found = self._screens.get(screen)
        if found is None:
            return "unknown"
        if not found.approved:
            return "waiting"
        del self._screens[screen]
        return "approved"

    def _forget(self) -> None:
        now_s = self._now_s()
        self._screens = {key: one for key, one in self._screens.items() if one.until_s > now_s}


class Access:
    """All of it together, for one board."""

    def __init__(self, data_dir: Path, *, wall_s: Callable[[str, float], float | None]) -> None:
        """Take everything; the secret of the cookies is made at the first start."""
        self.pins = PinStore(data_dir)
        self.secret = secret_file(data_dir / "session-key")
        self.cookies = Cookies(self.secret, boot=this_boot(), wall_s=wall_s)
        self.brake = Brake()
        self.flood = Flood()
        self.pairing = Pairing()
        self.screens = Screens()

    def room_code(self, lesson: str) -> str:
        """The four digits by which phones join a lesson; the same after a restart."""
        mark = hmac.new(self.secret, f"room/{lesson}".encode(), sha256).digest()
        return f"{int.from_bytes(mark[:4]) % 10_000:04d}"
