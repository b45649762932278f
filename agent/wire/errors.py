"""What can be wrong with what came over the wire: count it, refuse it, go on."""

from __future__ import annotations


class WireError(ValueError):
    """The root: what came over the wire, or is to go there, is not what was agreed."""


class TopicInvalid(WireError):
    """The topic is none of ours."""


class PayloadInvalid(WireError):
    """The payload is too big, is not what its content type says, or breaks its schema."""


class BrokerUrlInvalid(WireError):
    """The broker's address cannot be used; a person must correct it."""
