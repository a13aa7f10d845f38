"""Connections: handshake, snapshot, resume, replacement, presence, and phones that come online during ringing."""

import pytest
from callbox_hil.phone import Phone, Refused, offer, talk
from callbox_hil.rest import ok, sign_in


@pytest.mark.parametrize("auth", [{}, {"token": ""}, {"token": "x"}, {"token": 7}, {"token": "a.b.c"}])
def test_a_bad_token_is_refused_with_its_code(box, user, auth):
    account = user()
    with pytest.raises(Refused, match="^unauthorized$"):
        Phone(box, account).connect(auth=auth)


def test_a_token_of_an_ended_session_is_refused(box, user):
    account = user()
    ok(account.rest.post("/api/auth/logout"), 204)
    with pytest.raises(Refused, match="^session_revoked$"):
        Phone(box, account).connect()


def test_logout_closes_the_socket(user, phone):
    account = user()
    socket = phone(account)
    ok(account.rest.post("/api/auth/logout"), 204)
    socket.expect_closed(within=1)
    assert socket.heard("closing", reason="session_revoked")


def test_the_snapshot_comes_first(pair, user, phone):
    caller, callee = pair
    call_id = talk(caller, callee)
    snapshot = phone(caller.account).session
    assert snapshot["resumed"] is False and snapshot["epoch"]
    assert [call["callId"] for call in snapshot["calls"]] == [call_id]
    told = {entry["userId"]: entry["presence"] for entry in snapshot["presence"]}
    assert told[callee.id] == "in_call"
    assert phone(user("stranger")).session["calls"] == []
    callee.end(call_id)


def test_a_newer_socket_of_a_session_replaces_the_older(user, phone):
    account = user()
    older = phone(account)
    newer = phone(account)
    older.expect("closing", reason="replaced")
    older.expect_closed()
    newer.settle()


def test_what_was_missed_is_sent_after_resume(pair, phone):
    caller, callee = pair
    call_id = talk(caller, callee)
    callee.settle()
    at = {"epoch": callee.session["epoch"], "seq": callee.last_seq()}
    callee.close()
    candidates = [{"candidate": f"candidate:{number} 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"} for number in range(3)]
    for candidate in candidates:
        caller.ok("ice-candidate", {"callId": call_id, "candidate": candidate})
    back = phone(callee.account, resume=at)
    assert back.session["resumed"] is True and back.session["epoch"] == at["epoch"]
    got = [back.expect("ice-candidate", callId=call_id) for _ in candidates]
    assert [event["candidate"] for event in got] == candidates
    sequence = [payload["seq"] for name, payload in back.events if name != "session"]
    assert sequence == sorted(sequence) and sequence[0] > at["seq"]
    assert back.call(call_id)["state"] in ("InCall", "Reconnecting"), "a closed socket never ends a call"
    back.end(call_id)
    caller.expect("call-ended", callId=call_id, reason="hangup")


@pytest.mark.parametrize("at", [{"epoch": "of another life", "seq": 1}, {"epoch": None, "seq": 10**9}])
def test_a_resume_that_cannot_be_gets_the_snapshot(pair, phone, at):
    caller, callee = pair
    call_id = talk(caller, callee)
    at = {**at, "epoch": at["epoch"] or callee.session["epoch"]}
    callee.close()
    back = phone(callee.account, resume=at)
    assert back.session["resumed"] is False
    assert [call["callId"] for call in back.session["calls"]] == [call_id]
    back.end(call_id)


def test_presence_follows_the_call(pair, user, phone):
    caller, callee = pair
    watcher = phone(user("watcher"))
    call_id = caller.ring(callee)
    for busy in (caller, callee):
        watcher.expect("presence", userId=busy.id, presence="busy")
    callee.accept(call_id)
    for talking in (caller, callee):
        watcher.expect("presence", userId=talking.id, presence="in_call")
    caller.end(call_id)
    for idle in (caller, callee):
        watcher.expect("presence", userId=idle.id, presence="online")
    callee.close()
    watcher.expect("presence", userId=callee.id, presence="offline")
    assert ok(watcher.account.rest.get(f"/api/users/{callee.id}"))["presence"] == "offline"


def test_a_rest_login_alone_is_offline(user, phone):
    caller, callee = phone(user("alice")), user("bob")
    assert caller.initiate(callee)["calleeStatus"] == "offline"


def test_a_callee_who_comes_online_is_rung(user, phone):
    caller, callee = phone(user("alice")), user("bob")
    started = caller.initiate(callee)
    call_id = started["callId"]
    assert started["calleeStatus"] == "offline"
    caller.ok("call-user", {"callId": call_id, "targetUserId": callee.id, "offer": offer()})
    woken = phone(callee)
    assert caller.expect("user-coming-online", callId=call_id)["userId"] == callee.id
    woken.expect("incoming-call", callId=call_id)
    woken.accept(call_id)
    caller.expect("call-accepted", callId=call_id)
    caller.settle()
    assert len(caller.heard("user-coming-online")) == 1
    caller.end(call_id)


def test_a_device_that_connects_during_ringing_rings_as_well(box, pair, phone):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    late = phone(sign_in(box, callee.account.username))
    late.expect("incoming-call", callId=call_id)
    late.accept(call_id)
    callee.expect("call-ended", callId=call_id, reason="answered_elsewhere")
    caller.end(call_id)


def test_the_caller_may_lose_its_socket_while_it_rings(pair, phone):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    at = {"epoch": caller.session["epoch"], "seq": caller.last_seq()}
    caller.close()
    callee.accept(call_id)
    back = phone(caller.account, resume=at)
    back.expect("call-accepted", callId=call_id)
    back.end(call_id)


def test_everything_carries_a_rising_number(pair):
    caller, callee = pair
    caller.end(talk(caller, callee))
    caller.expect("call-ended")
    caller.settle()
    numbers = [payload["seq"] for _, payload in caller.events]
    assert numbers == sorted(set(numbers))
