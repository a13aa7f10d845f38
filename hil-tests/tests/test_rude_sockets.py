"""Clients that break the rules of the transport: each harms itself only."""

import json
import threading
from pathlib import Path

import pytest
import websocket
from callbox_hil.deadline import poll
from callbox_hil.phone import SDP, Gone, answer, offer, talk
from callbox_hil.raw_socket import RawSocket
from callbox_hil.rest import Rest, add_user, ok, set_up, sign_in

KIB = 1024
SLOW = "callbox_signaling_slow_sockets_total"
# Two pings of the box: 20 s apart, and 10 s for the answer.
SILENCE_ENDS = 45.0
HANDSHAKE_ENDS = 20.0


@pytest.fixture
def raw(box):
    made = []

    def make(account=None, **options):
        made.append(RawSocket(box, **options))
        if account:
            assert made[-1].join(account.token).startswith("40"), "the handshake is good"
        return made[-1]

    yield make
    for one in made:
        one.ws.shutdown()


def end_call(padding: int) -> str:
    return json.dumps(["end-call", {"callId": "x", "padding": "x" * padding}])


def test_a_message_over_128_kib_gets_an_ack_and_nothing_else_happens(user, raw):
    client = raw(user())
    for kib in (129, 200, 250):
        ack = client.ask(end_call(kib * KIB))
        assert not ack["ok"] and ack["error"]["code"] == "payload_too_large"
    assert client.ask('["app-state",{"state":"foreground"}]')["ok"]


def test_a_message_over_256_kib_closes_its_own_connection_only(pair, user, raw):
    call_id = talk(*pair)
    client = raw(user("loud"))
    try:
        client.send(f"421{end_call(300 * KIB)}")
        client.expect_closed()
    except websocket.WebSocketConnectionClosedException:
        pass  # closed before all of it was sent, which is just as well
    for phone in pair:
        phone.settle()
        assert not phone.closed and phone.call(call_id)["state"] == "InCall"
    pair[0].end(call_id)


@pytest.mark.parametrize("packet", ['421["end-call",{"callId":', "42{", "421", "4zzz", "9", "\x00"])
def test_a_broken_packet_harms_only_its_own_connection(pair, user, raw, packet):
    call_id = talk(*pair)
    account = user("broken")
    raw(account).send(packet)
    for phone in pair:
        phone.settle()
        assert not phone.closed and phone.call(call_id)["state"] == "InCall"
    # The session lives on: its next connection is a good one.
    assert raw(account).ask('["app-state",{"state":"foreground"}]')["ok"]
    pair[0].end(call_id)


@pytest.mark.parametrize("text", ['["end-call",{"callId":nul}]', '["end-call",{"callId":"x"}]]'])
def test_json_that_is_broken_late_is_answered_or_closes(user, raw, text):
    """The transport looks at the array first, so which of the two it is depends on where it breaks."""
    client = raw(user())
    client.send(f"421{text}")
    packets = []
    try:
        while not packets or not packets[-1].startswith("431"):
            packets.append(client.packet(5.0))
            assert packets[-1], "closed"
        assert json.loads(packets[-1][3:])[0]["error"]["code"] in ("malformed_json", "invalid_input")
    except Exception as error:  # noqa: BLE001 - whichever way the library tells of the end
        assert "timed out" not in str(error), "neither an ack nor the end"


def test_another_namespace_is_no_way_in(user, raw):
    client = raw()
    told = client.join(user().token, "/admin,")
    assert told.startswith("44/admin,") and json.loads(told.removeprefix("44/admin,"))["message"] == "Invalid namespace"


def test_no_event_goes_anywhere_before_the_handshake(raw):
    client = raw()
    client.send('421["end-call",{"callId":"x"}]')
    client.expect_closed(within=HANDSHAKE_ENDS)


def test_a_connection_without_a_handshake_ends(raw):
    raw().expect_closed(within=HANDSHAKE_ENDS)


def test_a_socket_that_answers_no_ping_is_dropped(user, phone, raw):
    watcher = phone(user("watcher"))
    silent = user("silent")
    client = raw(silent, pongs=False)
    watcher.expect("presence", userId=silent.id, presence="online")
    client.expect_closed(within=SILENCE_ENDS)
    watcher.expect("presence", userId=silent.id, presence="offline")


def metric(account, name: str) -> float:
    lines = account.rest.get("/metrics").text.splitlines()
    values = [float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
    return sum(values)


def test_a_ring_without_an_ack_counts_as_offline_but_may_be_accepted(new_box, phone):
    box = new_box()
    admin = set_up(box)
    add_user(admin, "alice")
    add_user(admin, "bob")
    caller, mute = phone(sign_in(box, "alice")), sign_in(box, "bob")
    with RawSocket(box) as client:
        client.join(mute.token)
        client.event("session")
        call_id = caller.ring(mute)
        assert client.event("incoming-call")["callId"] == call_id
        poll(lambda: metric(admin, "callbox_wakes_total") == 1, 10.0, "the callee is woken")
        # As a push would: another device of the callee comes online, and the caller is told.
        woken = phone(sign_in(box, "bob"))
        assert caller.expect("user-coming-online", callId=call_id)["userId"] == mute.id
        woken.expect("incoming-call", callId=call_id)
        assert client.ask(json.dumps(["accept-call", {"callId": call_id, "answer": answer()}]))["ok"]
        caller.expect("call-accepted", callId=call_id)
        woken.expect("call-ended", callId=call_id, reason="answered_elsewhere")
        caller.end(call_id)


def resident_kib(box) -> int:
    status = Path(f"/proc/{box.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def renegotiates(phone, call_id, description) -> bool:
    ack = phone.ask("renegotiate", {"callId": call_id, "description": description})
    assert ack["ok"] or ack["error"]["code"] == "rate_limited", ack
    return ack["ok"]


def test_a_client_that_reads_nothing_is_dropped_and_holds_little(box, user, phone):
    """Descriptions pile up for it until its queue is full; what is kept for a resumption has an end as well."""
    caller, watcher = phone(user("caller")), phone(user("watcher"))
    deaf = user("deaf")
    large = offer(SDP + "a=" + "x" * (60 * KIB) + "\r\n")
    with RawSocket(box, receive_buffer=4096) as client:
        client.join(deaf.token)
        client.event("session")
        call_id = caller.ring(deaf)
        client.event("incoming-call")
        assert client.ask(json.dumps(["accept-call", {"callId": call_id, "answer": answer()}]))["ok"]
        caller.expect("call-accepted", callId=call_id)
        watcher.expect("presence", userId=deaf.id, presence="in_call")
        before = resident_kib(box)
        dropped, sent = metric(watcher.account, SLOW), 0
        while metric(watcher.account, SLOW) == dropped:
            assert sent < 1000, "60 MB were sent to a client that reads nothing"
            sent += sum(renegotiates(caller, call_id, large) for _ in range(20))
        for _ in range(300):
            renegotiates(caller, call_id, large)
        grown = resident_kib(box) - before
        assert grown < 40 * KIB, f"{grown} KiB are held after {sent} descriptions"
        poll(lambda: caller.ask("end-call", {"callId": call_id})["ok"], 5.0, "the pace comes back")
        caller.expect("call-ended", callId=call_id, reason="hangup")


def test_a_flood_of_events_is_refused_and_others_are_served(pair, user, phone):
    flooder = phone(user("flooder"))
    codes = set()

    def flood():
        try:
            for _ in range(3000):
                ack = flooder.ask("app-state", {"state": "foreground"})
                codes.add("ok" if ack["ok"] else ack["error"]["code"])
        except Gone as error:
            codes.add(f"gone: {error!r} {error.__cause__!r} {flooder.events[-3:]}")

    thread = threading.Thread(target=flood)
    thread.start()
    call_id = talk(*pair)
    pair[0].end(call_id)
    pair[0].expect("call-ended", callId=call_id)
    thread.join()
    assert codes <= {"ok", "rate_limited"} and "ok" in codes
    with Rest(pair[0].box) as rest:
        assert ok(rest.get("/api/box"))["setUp"]
