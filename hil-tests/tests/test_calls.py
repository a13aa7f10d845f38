"""The course of a call, from ringing to the record it leaves (rules 1, 2, 4, 5 and 9)."""

from callbox_hil.phone import SDP, answer, offer, talk
from callbox_hil.rest import if_match, ok, problem, sign_in

# The box's own clock of a call, with some room for a busy machine.
THIRTY_SECONDS = 36.0
TEN_SECONDS = 15.0


def outcomes(caller, callee, call_id):
    """What the histories of both say, caller first; both must agree on how it ended."""
    sent, received = caller.record(call_id), callee.record(call_id)
    assert (sent["direction"], received["direction"]) == ("outgoing", "incoming")
    assert sent["endReason"] == received["endReason"]
    return sent["outcome"], received["outcome"], sent["endReason"]


def ended(phones, call_id, state, reason, **fields):
    """The end as everybody hears it: the last state, then `call-ended`, then Idle."""
    for phone in phones:
        last = phone.expect("call-state", callId=call_id, state=state)
        end = phone.expect("call-ended", callId=call_id, reason=reason)
        idle = phone.expect("call-state", callId=call_id, state="Idle")
        assert last["seq"] < end["seq"] < idle["seq"]
        assert {key: last.get(key) for key in fields} == fields


def test_a_whole_call(pair):
    caller, callee = pair
    started = caller.initiate(callee, video=True)
    call_id = started["callId"]
    assert started["state"] == "Connecting" and started["calleeStatus"] == "online"
    assert started["roomId"] and started["expiresAt"] and isinstance(started["iceServers"], list)
    marked = SDP + "a=marker:kept-as-it-is\r\n"
    caller.ok("call-user", {"callId": call_id, "targetUserId": callee.id, "offer": offer(marked)})
    ring = callee.expect("incoming-call", callId=call_id)
    assert ring["callerId"] == caller.id and ring["caller"]["id"] == caller.id
    assert ring["caller"]["displayName"] and "extension" in ring["caller"]
    assert ring["offer"] == offer(marked) and ring["media"] == {"audio": True, "video": True}
    callee.ok("accept-call", {"callId": call_id, "answer": answer(marked)})
    accepted = caller.expect("call-accepted", callId=call_id)
    assert accepted["calleeId"] == callee.id and accepted["answer"] == answer(marked)
    for phone in pair:
        phone.expect("call-state", callId=call_id, state="Connected")
    assert caller.call(call_id)["state"] == "Connected" and caller.call(call_id)["answeredAt"]
    caller.media(call_id, "connected")
    caller.settle()
    assert caller.call(call_id)["state"] == "Connected", "both must have media"
    callee.media(call_id, "connected")
    for phone in pair:
        phone.expect("call-state", callId=call_id, state="InCall")
    assert [call["callId"] for call in ok(caller.account.rest.get("/api/calls/active"))["items"]] == [call_id]
    caller.end(call_id)
    ended(pair, call_id, "Ended", "hangup")
    assert caller.call(call_id)["state"] == "Ended", "REST keeps the state before Idle"
    assert outcomes(caller, callee, call_id) == ("answered", "answered", "hangup")
    assert caller.record(call_id)["durationMs"] == callee.record(call_id)["durationMs"] > 0
    assert ok(caller.account.rest.get("/api/calls/active"))["items"] == []


def test_the_callee_may_hang_up_too(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    callee.end(call_id)
    ended(pair, call_id, "Ended", "hangup")
    assert outcomes(caller, callee, call_id) == ("answered", "answered", "hangup")


def test_a_call_is_ended_by_its_room_as_well(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    caller.ok("end-call", {"roomId": caller.call(call_id)["roomId"]})
    ended(pair, call_id, "Ended", "hangup")


def test_cancel_before_the_answer(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    caller.end(call_id)
    ended(pair, call_id, "Ended", "cancelled")
    assert outcomes(caller, callee, call_id) == ("cancelled", "missed", "cancelled")
    assert caller.record(call_id)["durationMs"] == 0 and not caller.record(call_id).get("answeredAt")
    callee.refused("accept-call", {"callId": call_id, "answer": answer()}, "call_ended")


def test_cancel_before_the_offer_leaves_a_trace(pair):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    caller.end(call_id)
    caller.expect("call-ended", callId=call_id, reason="cancelled")
    assert outcomes(caller, callee, call_id) == ("cancelled", "missed", "cancelled")


def test_reject_ends_ringing_everywhere(box, pair, phone):
    caller, callee = pair
    second = phone(sign_in(box, callee.account.username))
    call_id = caller.ring(callee)
    for ringing in (callee, second):
        ringing.expect("incoming-call", callId=call_id)
    second.ok("reject-call", {"callId": call_id, "reason": "later"})
    rejected = caller.expect("call-rejected", callId=call_id)
    assert rejected["calleeId"] == callee.id
    ended([caller, callee, second], call_id, "Ended", "rejected")
    assert rejected["seq"] < caller.heard("call-ended", callId=call_id)[0]["seq"]
    assert outcomes(caller, callee, call_id) == ("rejected", "rejected", "rejected")


def test_hanging_up_a_ringing_phone_is_a_reject(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    callee.end(call_id)
    caller.expect("call-rejected", callId=call_id)
    assert outcomes(caller, callee, call_id) == ("rejected", "rejected", "rejected")


def test_nobody_answers_for_thirty_seconds(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    caller.expect("call-state", callId=call_id, state="Timeout", within=THIRTY_SECONDS)
    for phone in pair:
        phone.expect("call-ended", callId=call_id, reason="timeout")
    assert caller.call(call_id)["state"] == "Timeout"
    assert outcomes(caller, callee, call_id) == ("missed", "missed", "timeout")


def test_an_answered_call_without_media_fails_after_thirty_seconds(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    callee.accept(call_id)
    error = caller.expect("call-state", callId=call_id, state="Error", within=THIRTY_SECONDS)
    assert error["error"] == "NetworkError"
    callee.expect("call-ended", callId=call_id, reason="error")
    assert outcomes(caller, callee, call_id) == ("answered", "answered", "error")


def test_a_leg_whose_socket_stays_away_fails_after_thirty_seconds(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    callee.close()
    # Media may flow on without the socket, so the state says nothing until the box gives up.
    through = caller.expect("call-state", callId=call_id, state="Reconnecting", within=THIRTY_SECONDS)
    error = caller.expect("call-state", callId=call_id, state="Error")
    assert through["seq"] < error["seq"] and error["error"] == "NetworkError"
    caller.expect("call-ended", callId=call_id, reason="error")
    assert caller.record(call_id)["outcome"] == "answered"


def test_no_offer_within_ten_seconds_is_an_error(pair):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    error = caller.expect("call-state", callId=call_id, state="Error", within=TEN_SECONDS)
    assert error["error"] == "ServerError"
    # The state is told at once, the end when it is stored.
    caller.expect("call-ended", callId=call_id, reason="error")
    assert outcomes(caller, callee, call_id) == ("failed", "missed", "error")


def test_lost_media_comes_back(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    for phone in pair:
        phone.media(call_id, "lost")
    caller.expect("call-state", callId=call_id, state="Reconnecting")
    caller.media(call_id, "reconnected")
    caller.settle()
    assert caller.call(call_id)["state"] == "Reconnecting", "all who lost must be back"
    callee.media(call_id, "reconnected")
    # `talk` has taken the first InCall already, so this is another one.
    for phone in pair:
        phone.expect("call-state", callId=call_id, state="InCall")
    caller.end(call_id)


def test_failed_media_passes_reconnecting_and_is_an_error(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    callee.media(call_id, "failed")
    through = caller.expect("call-state", callId=call_id, state="Reconnecting")
    error = caller.expect("call-state", callId=call_id, state="Error")
    assert through["seq"] < error["seq"] and error["error"] == "MediaError"
    caller.expect("call-ended", callId=call_id, reason="error")
    assert outcomes(caller, callee, call_id) == ("answered", "answered", "error")


def test_a_named_media_error_is_kept(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    callee.media(call_id, "failed", error="PermissionError")
    assert caller.expect("call-state", callId=call_id, state="Error")["error"] == "PermissionError"
    assert caller.call(call_id)["error"] == "PermissionError"


def test_reports_that_cannot_be_and_repeated_ones(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    caller.refused("media-state", {"callId": call_id, "state": "connected"}, "invalid_state")
    callee.accept(call_id)
    caller.refused("media-state", {"callId": call_id, "state": "reconnected"}, "invalid_state")
    caller.media(call_id, "connected")
    caller.media(call_id, "connected")
    callee.media(call_id, "connected")
    caller.end(call_id)


def test_candidates_wait_for_the_winner(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    early = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
    late = {**early, "candidate": "candidate:2 1 udp 1 192.0.2.2 9 typ host"}
    callee.expect("incoming-call", callId=call_id)
    caller.ok("ice-candidate", {"callId": call_id, "candidate": early})
    callee.ok("ice-candidate", {"callId": call_id, "candidate": late})
    callee.settle()
    assert not callee.heard("ice-candidate") and not caller.heard("ice-candidate")
    callee.accept(call_id)
    first = callee.expect("ice-candidate", callId=call_id)
    assert first["candidate"] == early and first["fromUserId"] == caller.id
    assert caller.expect("ice-candidate", callId=call_id)["candidate"] == late
    accepted = caller.expect("call-accepted", callId=call_id)
    assert accepted["seq"] < caller.heard("ice-candidate")[0]["seq"], "a candidate is of no use before the answer"
    caller.ok("ice-candidate", {"callId": call_id, "candidate": None})
    assert callee.expect("ice-candidate", callId=call_id)["candidate"] is None
    caller.end(call_id)


def test_renegotiation_is_relayed_unchanged(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    description = offer(SDP + "a=ice-ufrag:new\r\n")
    caller.ok("renegotiate", {"callId": call_id, "description": description})
    told = callee.expect("renegotiate", callId=call_id)
    assert told["description"] == description and told["fromUserId"] == caller.id
    caller.end(call_id)


def test_the_first_answer_wins_and_the_others_are_told(box, pair, phone):
    caller, callee = pair
    second = phone(sign_in(box, callee.account.username))
    call_id = caller.ring(callee)
    for ringing in (callee, second):
        ringing.expect("incoming-call", callId=call_id)
    second.accept(call_id)
    callee.expect("call-ended", callId=call_id, reason="answered_elsewhere")
    callee.refused("accept-call", {"callId": call_id, "answer": answer()}, "already_answered")
    second.accept(call_id)
    second.settle()
    assert not second.heard("call-ended"), "the winner's repeat changes nothing"
    callee.refused("media-state", {"callId": call_id, "state": "connected"}, "forbidden")
    callee.refused("renegotiate", {"callId": call_id, "description": offer()}, "forbidden")
    caller.end(call_id)
    second.expect("call-ended", callId=call_id, reason="hangup")
    assert outcomes(caller, callee, call_id) == ("answered", "answered", "hangup")


def test_history_is_newest_first_paged_and_ones_own(pair, user):
    caller, callee = pair
    made = []
    for _ in range(3):
        made.insert(0, caller.ring(callee))
        caller.end(made[0])
        caller.expect("call-state", callId=made[0], state="Idle")
    first = ok(caller.account.rest.get("/api/calls", params={"limit": 2}))
    assert [item["callId"] for item in first["items"]] == made[:2] and first["nextCursor"]
    rest = ok(caller.account.rest.get("/api/calls", params={"limit": 2, "cursor": first["nextCursor"]}))
    assert [item["callId"] for item in rest["items"]] == made[2:] and rest["nextCursor"] is None
    stranger = user("stranger")
    assert ok(stranger.rest.get("/api/calls"))["items"] == []
    problem(stranger.rest.get(f"/api/calls/{made[0]}"), 404, "not_found")


def test_do_not_disturb_leaves_a_record(pair):
    caller, callee = pair
    me = callee.account
    ok(me.rest.patch("/api/users/me", {"doNotDisturb": True}, headers=if_match(me.version())))
    caller.expect("presence", userId=callee.id, doNotDisturb=True)
    body = {"targetUserId": callee.id, "media": {"audio": True, "video": False}}
    problem(caller.account.rest.post("/api/calls/initiate", body), 409, "do_not_disturb")
    callee.settle()
    assert not callee.heard("incoming-call")
    sent = ok(caller.account.rest.get("/api/calls"))["items"]
    received = ok(me.rest.get("/api/calls"))["items"]
    assert [(item["outcome"]) for item in sent] == ["busy"] and [item["outcome"] for item in received] == ["missed"]
