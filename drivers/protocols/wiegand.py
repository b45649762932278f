"""Wiegand: the bits a card reader puts on its two lines, as the UID they carry.

26 or 34 bits: a parity bit (even, over itself and the first half of the data), the data, and a
parity bit (odd, over the second half and itself).
"""

UID_BYTES = 4
DATA_BITS = {26: 24, 34: 32}


def uid_of(bits: str) -> str | None:
    """The UID of one burst of "0" and "1", in the order they came; None if it is no whole card.

    Three bytes get 00 before them, as a keyboard reader's UID of the same card has.
    """
    data_bits = DATA_BITS.get(len(bits))
    if data_bits is None or set(bits) - {"0", "1"}:
        return None
    half = 1 + data_bits // 2
    if bits[:half].count("1") % 2 != 0 or bits[half:].count("1") % 2 != 1:
        return None
    return int(bits[1:-1], 2).to_bytes(UID_BYTES).hex().upper()
