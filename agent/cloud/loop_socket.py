"""A socket of paho's in the event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from drivers.beats import next_beat_s


class TlsSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands.

        Raises:
            OSError: the other side is not whom it should be, or went away.
        """
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class LoopSocket:
    """One connection's socket in the loop: paho says when to watch it, this watches it.

    Attributes:
        lost: why the connection ended, once it has.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lost: asyncio.Future[str] = loop.create_future()
        self._loop = loop
        self._thread = threading.get_ident()
        self._closed = False
        self._watched: tuple[paho.Client, Any] | None = None
        self._rests = False

    def close(self, client: paho.Client) -> None:
        """End the connection, also one that the executor is still making."""
        self._closed = True
        # Paho closes once more when the client is collected, perhaps after the loop has ended.
        client.on_socket_close = client.on_socket_unregister_write = client.on_disconnect = None
        sock = client.socket()
        if sock is not None:
            self._forget(sock)
            sock.close()

    def _hop(self, do: Callable[..., None], *what: Any) -> None:
        if threading.get_ident() == self._thread:
            do(*what)
        else:
            self._loop.call_soon_threadsafe(do, *what)

    def disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        """Paho's on_disconnect."""
        self._hop(self._end, str(code))

    def _end(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    def socket_open(self, client: paho.Client, _data: Any, sock: Any) -> None:
        """Paho's on_socket_open; in the executor's thread."""
        # Without it a receipt waits 40 ms behind the acknowledgement before it, twice a round trip.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hop(self._watch, client, sock)

    def _watch(self, client: paho.Client, sock: Any) -> None:
        if self._closed:
            sock.close()
        elif sock.fileno() >= 0:
            self._watched = (client, sock)
            # By number: a socket that is not known yet would be spelled out for an error.
            self._loop.add_reader(sock.fileno(), self._readable, client, sock)

    def rest(self) -> None:
        """Read nothing until the next beat: what broker and school answer then comes together."""
        if self._watched is None or self._rests:
            return
        self._rests = True
        self._loop.remove_reader(self._watched[1].fileno())
        self._loop.call_at(next_beat_s(self._loop.time()), self._read_on)

    def _read_on(self) -> None:
        self._rests = False
        if self._watched is not None and not self._closed:
            self._watch(*self._watched)

    def _readable(self, client: paho.Client, sock: Any) -> None:
        # For brokers that gather (rumqttd): the kernel forgets the wish after a while.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        while True:
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
                self._end("connection lost")
                return
            # What TLS has decrypted already, the loop cannot see.
            if not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
                return

    def socket_close(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        """Paho's on_socket_close, before it closes."""
        self._hop(self._forget, sock)

    def _forget(self, sock: Any) -> None:
        self._watched = None
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    def want_write(self, client: paho.Client, _data: Any, sock: Any) -> None:
        """Paho's on_socket_register_write."""
        self._hop(self._arm, client, sock)

    def _arm(self, client: paho.Client, sock: Any) -> None:
        self._loop.call_soon(self._write, client, sock)

    def _write(self, client: paho.Client, sock: Any) -> None:
        """Write at once, without asking whether the socket takes it; wait only if it does not."""
        if self._closed or sock.fileno() < 0:
            return
        client.loop_write()
        if client.want_write() and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), client.loop_write)

    def written(self, _client: paho.Client, _data: Any, sock: Any) -> None:
        """Paho's on_socket_unregister_write."""
        self._hop(self._disarm, sock)

    def _disarm(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())
