"""Texts in the encodings that schools use."""

from __future__ import annotations

from agent.files.errors import FileInvalid


def text_of(data: bytes) -> str:
    """A text in UTF-8, with or without BOM, in UTF-16 with one, or in GB18030; line feeds alone.

    Raises:
        FileInvalid: it is none of them.
    """
    encodings = ("utf-8-sig", "gb18030")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ("utf-16", "utf-16")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise FileInvalid("encoding_unknown", "save it as text in UTF-8 or GB18030")
