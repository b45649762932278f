"""What an installation may say: the sections and keys of its TOML file.

Unknown keys are refused, units are in the names, and every key is described here alone:
`docs/settings.md`, `config/schema.json` and `config/defaults.toml` are made from these classes.
Reading a file, with errors that name its lines, is `agent.settings_file`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

DATA_DIR = Path("/var/lib/classroom-agent")
CODE_PATTERN = "^[A-Za-z0-9-]{1,40}$"
HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path counts from the folder of the settings file."""
    folder: Path | None = (info.context or {}).get("folder")
    return path if folder is None else folder / path


Code = Annotated[str, Field(pattern=CODE_PATTERN)]
"""A code, not a name: 1 to 40 of A-Z a-z 0-9 and hyphen. It becomes part of MQTT topics."""
Host = Annotated[str, Field(pattern=HOST_PATTERN)]
FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Section(BaseModel):
    """The base of all sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSection(Section):
    """This board."""

    device_id: Code = Field(
        description="The board's lasting name, unique in the city: 1 to 40 letters, digits, hyphens"
    )
    data_dir: FilePath = Field(
        default=DATA_DIR, description="Folder of the journal and everything else the board keeps"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious messages that are logged"
    )


class PlaceSection(Section):
    """Where the board stands: codes of 1 to 40 letters, digits and hyphens, never names."""

    city: Code = Field(description="Code of the city")
    county: Code = Field(description="Code of the county or district")
    school: Code = Field(description="Code of the school")
    room: Code = Field(description="Code of the room")


class WebSection(Section):
    """The pages of the teacher, the projector and the phones."""

    host: str = Field(
        default="0.0.0.0",  # noqa: S104 (the room's browsers are the purpose)
        min_length=1,
        description="Address to listen on; 127.0.0.1 for this machine alone",
    )
    port: Port = Field(default=8080, description="TCP port to listen on, 1 to 65535")
    tls_cert_file: FilePath | None = Field(
        default=None, description="Certificate chain (PEM) for https; needs tls_key_file"
    )
    tls_key_file: FilePath | None = Field(
        default=None, description="Private key (PEM) of tls_cert_file"
    )
    allowed_hosts: tuple[Host, ...] = Field(
        default=(),
        description="Names by which browsers reach the board, beside its addresses and host name",
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> WebSection:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together: give both or neither")
        return self


class CloudSection(Section):
    """The school's MQTT 5 broker. Without this section the board keeps everything to itself."""

    url: str = Field(
        description="mqtt://[user@]host[:port] or mqtts://...; a password goes into password_file"
    )
    password_file: FilePath | None = Field(
        default=None, description="File with the password of the user in the url"
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="Certificates (PEM) that vouch for the broker; without it, the system's",
    )
    cert_file: FilePath | None = Field(
        default=None, description="The board's own certificate (PEM); needs key_file"
    )
    key_file: FilePath | None = Field(default=None, description="Private key (PEM) of cert_file")

    @model_validator(mode="after")
    def _certificate_with_key(self) -> CloudSection:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: give both or neither")
        return self


class JournalSection(Section):
    """How answers become durable, and how much of them the board keeps."""

    window_ms: Annotated[int, Field(strict=True, ge=0, le=100)] = Field(
        default=15,
        description="How long answers are gathered for one write to the disk, 0 to 100 ms",
    )
    max_mb: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=1000,
        description="What the journal may hold, in MB; from there on new answers are refused",
    )
    reserve_mb: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = Field(
        default=50,
        description="Free disk space left to everything else, in MB; below it answers are refused",
    )
    pictures_mb: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=500,
        description="What the pictures of lessons may hold, in MB; beyond it the oldest go",
    )
    keep_days: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        default=200,
        description="How many days a lesson stays on the board once the school has it; the newest"
        " 20 stay longer",
    )


class KeypadsSection(Section):
    """What is held back, since it cannot be a class. The usual limits fit one of up to 145."""

    presses_per_s: Annotated[int, Field(strict=True, ge=5)] = Field(
        default=50, description="Presses of one keypad that are taken in a second"
    )
    unknown_per_minute: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=150,
        description="New keypads of nobody in the class that are let in within a minute; with a"
        " class, at most 20 more than it has students",
    )


class DeviceSection(BaseModel):
    """One device. Which other keys it may have says its driver."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Code = Field(description="The device's own name on this board, unique; kept with answers")
    driver: str = Field(description='Name of its driver, e.g. "card.em4100"')

    @property
    def options(self) -> dict[str, Any]:
        """What the file says beside id and driver."""
        return dict(self.model_extra or {})


class Settings(Section):
    """A whole settings file."""

    agent: AgentSection
    place: PlaceSection
    web: WebSection = WebSection()
    cloud: CloudSection | None = None
    journal: JournalSection = JournalSection()
    keypads: KeypadsSection = KeypadsSection()
    devices: tuple[DeviceSection, ...] = ()

    @field_validator("cloud", mode="before")
    @classmethod
    def _empty_is_off(cls, value: object) -> object:
        return value or None
