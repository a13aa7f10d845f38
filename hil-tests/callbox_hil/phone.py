"""A scripted phone: python-socketio underneath, every event kept in order, waiting with a deadline."""

import logging
import threading
from typing import Any

import engineio
import socketio

from .box import Box
from .deadline import Deadline
from .locked_tls import LockedTls
from .rest import Account, ok

# A client whose box was killed complains from a thread of its own, long after its test has ended.
logging.getLogger("engineio.client").setLevel(logging.CRITICAL)

# The box's own limit for anything it does at once; generous, because tests share two cores.
SOON = 5.0
SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def offer(sdp: str = SDP) -> dict[str, str]:
    return {"type": "offer", "sdp": sdp}


def answer(sdp: str = SDP) -> dict[str, str]:
    return {"type": "answer", "sdp": sdp}


class _InOrderEngine(engineio.Client):
    """The stock client starts a thread per message, which loses their order. This one handles them in turn."""

    def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
        # The reader cannot wait for its own end, which handling the box's DISCONNECT packet (`1`) does.
        disconnects = event == "message" and isinstance(args[0], str) and args[0].startswith("1")
        return super()._trigger_event(event, *args, **{**options, "run_async": disconnects})


class _InOrder(socketio.Client):
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _InOrderEngine


class Refused(Exception):
    """The box did not accept the connection; the message is its code."""


class Gone(Exception):
    """The connection ended before the ack came."""


class Phone:
    """One Socket.IO connection of an account's session."""

    def __init__(self, box: Box, account: Account):
        self.box = box
        self.account = account
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.closed = False
        self._taken: set[int] = set()
        self._refusal: str | None = None
        self._news = threading.Condition()
        self._socket = _InOrder(reconnection=False, handle_sigint=False)
        self._socket.on("*", self._on_event)
        self._socket.on("connect_error", self._on_refusal)
        self._socket.on("disconnect", self._on_disconnect)

    @property
    def id(self) -> str:
        return self.account.id

    def connect(self, token: str | None = None, resume: dict[str, Any] | None = None, auth: Any = None) -> "Phone":
        """Connects and returns when the box has sent its snapshot, the first event of every connection."""
        auth = auth if auth is not None else {"token": token or self.account.token}
        if resume:
            auth["resume"] = resume
        secure = LockedTls(self.box.https_port, self.box.trust(), SOON)
        self._socket.eio.websocket_extra_options = {"socket": secure}
        try:
            self._socket.connect(self.box.https, auth=auth, transports=["websocket"], wait_timeout=SOON)
        except socketio.exceptions.ConnectionError as error:
            raise Refused(self._refusal or str(error)) from error
        first = self.expect("session")
        assert self.events[0][0] == "session", self.names()
        self.session = first
        return self

    def _on_event(self, name: str, *data: Any) -> dict[str, bool]:
        with self._news:
            self.events.append((name, data[0] if data else {}))
            self._news.notify_all()
        return {"ok": True}

    def _on_refusal(self, *data: Any) -> None:
        first = data[0] if data else None
        self._refusal = first.get("message") if isinstance(first, dict) else str(first)

    def _on_disconnect(self, *_: Any) -> None:
        with self._news:
            self.closed = True
            self._news.notify_all()

    # -- what it hears --

    def expect(self, name: str, within: float = SOON, **fields: Any) -> dict[str, Any]:
        """The next event of this name, with these fields, that no earlier `expect` has taken."""
        deadline = Deadline(within)
        with self._news:
            while True:
                for at, (event, payload) in enumerate(self.events):
                    if at not in self._taken and event == name and _has(payload, fields):
                        self._taken.add(at)
                        return payload
                if not self._news.wait(deadline.left()) and deadline.over:
                    raise AssertionError(f"no {name} {fields} within {within} s; heard {self.events}")

    def expect_closed(self, within: float = SOON) -> None:
        deadline = Deadline(within)
        with self._news:
            while not self.closed:
                if not self._news.wait(deadline.left()) and deadline.over:
                    raise AssertionError(f"the socket is still open after {within} s")

    def heard(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """All events of this name so far. Call `settle` first to know that earlier ones have arrived."""
        with self._news:
            return [payload for event, payload in self.events if event == name and _has(payload, fields)]

    def names(self) -> list[str]:
        with self._news:
            return [event for event, _ in self.events]

    def settle(self) -> None:
        """Returns when everything that the box sent before now has been heard: an ack comes after it."""
        self.ok("app-state", {"state": "foreground"})

    def last_seq(self) -> int:
        with self._news:
            return max(payload["seq"] for _, payload in self.events if "seq" in payload)

    # -- what it says --

    def ask(self, name: str, payload: Any) -> dict[str, Any]:
        """Sends an event and returns the ack; silence fails the test, and a connection that ends is [`Gone`]."""
        acks: list[Any] = []

        def take(*data: Any) -> None:
            with self._news:
                acks.append(data[0] if data else None)
                self._news.notify_all()

        try:
            self._socket.emit(name, payload, callback=take)
        except socketio.exceptions.SocketIOError as error:
            raise Gone(name) from error
        deadline = Deadline(SOON)
        with self._news:
            while not acks:
                if self.closed:
                    raise Gone(name)
                if not self._news.wait(deadline.left()) and deadline.over:
                    raise AssertionError(f"no ack of {name} within {SOON} s")
        ack = acks[0]
        assert isinstance(ack, dict) and isinstance(ack.get("ok"), bool), ack
        return ack

    def ok(self, name: str, payload: Any) -> dict[str, Any]:
        ack = self.ask(name, payload)
        assert ack["ok"], f"{name}: {ack}"
        return ack

    def refused(self, name: str, payload: Any, code: str) -> None:
        ack = self.ask(name, payload)
        assert not ack["ok"] and ack["error"]["code"] == code, f"{name}: expected {code}, got {ack}"

    def close(self) -> None:
        self._socket.disconnect()

    # -- what it does with calls --

    def initiate(self, callee: "Phone | Account", **media: bool) -> dict[str, Any]:
        media = {"audio": True, "video": False, **media}
        body = {"targetUserId": callee.id, "media": media}
        return ok(self.account.rest.post("/api/calls/initiate", body), 201)

    def ring(self, callee: "Phone | Account") -> str:
        """Initiates and sends the offer; returns the call's id."""
        call_id = self.initiate(callee)["callId"]
        self.ok("call-user", {"callId": call_id, "targetUserId": callee.id, "offer": offer()})
        return call_id

    def accept(self, call_id: str) -> None:
        self.ok("accept-call", {"callId": call_id, "answer": answer()})

    def media(self, call_id: str, state: str, **more: str) -> None:
        self.ok("media-state", {"callId": call_id, "state": state, **more})

    def end(self, call_id: str) -> None:
        self.ok("end-call", {"callId": call_id})

    def call(self, call_id: str) -> dict[str, Any]:
        """The call as REST tells it to this phone's user."""
        return ok(self.account.rest.get(f"/api/calls/{call_id}"))

    def record(self, call_id: str) -> dict[str, Any]:
        """The one entry that this call has in the user's own history."""
        items = ok(self.account.rest.get("/api/calls", params={"limit": 200}))["items"]
        entries = [item for item in items if item["callId"] == call_id]
        assert len(entries) == 1, entries
        return entries[0]


def talk(caller: Phone, callee: Phone) -> str:
    """Brings the two into a call in which media flows; returns its id."""
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    callee.accept(call_id)
    caller.expect("call-accepted", callId=call_id)
    caller.media(call_id, "connected")
    callee.media(call_id, "connected")
    for phone in (caller, callee):
        phone.expect("call-state", callId=call_id, state="InCall")
    return call_id


def _has(payload: dict[str, Any], fields: dict[str, Any]) -> bool:
    return all(payload.get(key) == value for key, value in fields.items())
