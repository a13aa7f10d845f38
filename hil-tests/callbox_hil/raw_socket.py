"""A WebSocket that speaks Engine.IO and Socket.IO by hand, for what no good client would do."""

import json
from typing import Any

import websocket

from .box import Box
from .deadline import Deadline
from .locked_tls import LockedTls
from .phone import SOON


class RawSocket:
    """One connection. It answers pings unless told not to, and acknowledges nothing by itself."""

    def __init__(self, box: Box, pongs: bool = True, receive_buffer: int | None = None):
        secure = LockedTls(box.https_port, box.trust(), SOON, receive_buffer)
        url = f"wss://localhost:{box.https_port}/socket.io/?EIO=4&transport=websocket"
        self.pongs = pongs
        self.ids = 0
        self.ws = websocket.create_connection(url, socket=secure, timeout=SOON)
        assert self.packet(SOON).startswith("0{"), "Engine.IO opens first"

    def __enter__(self) -> "RawSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.ws.shutdown()

    def join(self, token: str, namespace: str = "") -> str:
        """The Socket.IO handshake; gives the box's answer."""
        self.send("40" + namespace + json.dumps({"token": token}))
        return self.packet(SOON)

    def send(self, packet: str) -> None:
        self.ws.send(packet)

    def packet(self, within: float) -> str:
        """The next packet that is no ping."""
        deadline = Deadline(within)
        while True:
            self.ws.settimeout(max(deadline.left(), 0.01))
            packet = self.ws.recv()
            if packet == "2":
                if self.pongs:
                    self.send("3")
            else:
                return packet

    def event(self, name: str, within: float = SOON) -> dict[str, Any]:
        """The next event of this name; others before it are dropped."""
        deadline = Deadline(within)
        while True:
            packet = self.packet(deadline.left())
            if packet.startswith("42"):
                said, payload = json.loads(packet[packet.index("[") :])
                if said == name:
                    return payload

    def ask(self, text: str) -> dict[str, Any]:
        """Sends an event, given as JSON text, and returns its ack."""
        self.ids += 1
        self.send(f"42{self.ids}{text}")
        wanted, deadline = f"43{self.ids}[", Deadline(SOON)
        while True:
            packet = self.packet(deadline.left())
            if packet.startswith(wanted):
                return json.loads(packet[len(wanted) - 1 :])[0]

    def expect_closed(self, within: float = SOON) -> None:
        """The box ends the connection; what it says before is dropped."""
        deadline = Deadline(within)
        try:
            while self.packet(deadline.left()):
                pass
        except (websocket.WebSocketTimeoutException, TimeoutError) as error:
            raise AssertionError(f"the connection is still open after {within} s") from error
        except (websocket.WebSocketException, OSError):
            pass
