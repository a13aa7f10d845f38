"""Who may do what in which call (rules 3, 6, 7, 8 and 10), and bad input on the socket."""

import threading

import pytest
from callbox_hil.phone import SDP, answer, offer, talk
from callbox_hil.rest import if_match, ok, problem


def unknown_id_like(known: str) -> str:
    """Well-formed, and not given to any call."""
    return known[:-1] + ("0" if known[-1] != "0" else "1")


def initiate(caller, callee):
    body = {"targetUserId": callee.id, "media": {"audio": True, "video": False}}
    return caller.account.rest.post("/api/calls/initiate", body)


def test_busy_on_both_sides(pair, user, phone):
    caller, callee = pair
    third = phone(user("third"))
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    problem(initiate(third, callee), 409, "callee_busy")
    problem(initiate(third, caller), 409, "callee_busy")
    problem(initiate(caller, third), 409, "caller_busy")
    problem(initiate(callee, third), 409, "caller_busy")
    third_history = ok(third.account.rest.get("/api/calls"))["items"]
    assert [item["outcome"] for item in third_history] == ["busy", "busy"]
    missed = [item for item in ok(callee.account.rest.get("/api/calls"))["items"] if item["callId"] != call_id]
    assert [(item["outcome"], item["direction"]) for item in missed] == [("missed", "incoming")]
    caller.end(call_id)
    caller.expect("call-state", callId=call_id, state="Idle")
    next_call = third.ring(callee)
    third.end(next_call)


def test_call_waiting_lets_a_second_call_ring(pair, user, phone):
    caller, callee = pair
    third = phone(user("third"))
    me = callee.account
    ok(me.rest.patch("/api/users/me", {"callWaiting": True}, headers=if_match(me.version())))
    first = talk(caller, callee)
    second = third.ring(callee)
    callee.expect("incoming-call", callId=second)
    third.end(second)
    callee.end(first)


def test_glare_yields_one_call(pair):
    one, other = pair
    call_id = one.ring(other)
    other.expect("incoming-call", callId=call_id)
    told = problem(initiate(other, one), 409, "glare")
    assert told["callId"] == call_id
    other.accept(call_id)
    one.expect("call-accepted", callId=call_id)
    assert len(ok(other.account.rest.get("/api/calls"))["items"]) == 1, "the losing side left no record"
    one.end(call_id)


def test_both_call_at_the_same_moment(pair):
    answers = []
    start = threading.Barrier(2)

    def go(caller, callee):
        start.wait()
        answers.append(initiate(caller, callee))

    threads = [threading.Thread(target=go, args=sides) for sides in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(response.status_code for response in answers) == [201, 409]
    won, lost = sorted(answers, key=lambda response: response.status_code)
    assert problem(lost, 409, "glare")["callId"] == won.json()["callId"]


def test_nobody_calls_himself_or_an_unknown_user(pair):
    caller, _ = pair
    answer_to_self = initiate(caller, caller)
    assert answer_to_self.status_code in (409, 422)
    body = {"targetUserId": unknown_id_like(caller.id), "media": {"audio": True, "video": False}}
    problem(caller.account.rest.post("/api/calls/initiate", body), 404, "not_found")


def test_a_stranger_finds_nothing(pair, user, phone):
    caller, callee = pair
    stranger = phone(user("stranger"))
    call_id = talk(caller, callee)
    for name, more in (
        ("call-user", {"targetUserId": callee.id, "offer": offer()}),
        ("accept-call", {"answer": answer()}),
        ("reject-call", {}),
        ("ice-candidate", {"candidate": None}),
        ("media-state", {"state": "lost"}),
        ("renegotiate", {"description": offer()}),
        ("end-call", {}),
    ):
        stranger.refused(name, {"callId": call_id, **more}, "not_found")
    problem(stranger.account.rest.get(f"/api/calls/{call_id}"), 404, "not_found")
    caller.settle()
    assert caller.call(call_id)["state"] == "InCall"
    assert not caller.heard("ice-candidate") and not caller.heard("renegotiate")
    caller.end(call_id)


def test_end_is_idempotent_and_the_rest_is_not_found(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    caller.end(call_id)
    caller.expect("call-ended", callId=call_id)
    caller.end(call_id)
    callee.end(call_id)
    unknown = unknown_id_like(call_id)
    caller.end(unknown)
    caller.refused("accept-call", {"callId": unknown, "answer": answer()}, "not_found")
    caller.refused("reject-call", {"callId": unknown}, "not_found")
    caller.refused("ice-candidate", {"callId": unknown, "candidate": None}, "not_found")
    caller.refused("media-state", {"callId": unknown, "state": "connected"}, "not_found")
    caller.settle()
    assert len(caller.heard("call-ended", callId=call_id)) == 1


@pytest.mark.parametrize("call_id", ["", "a b", "\u00fc", "a" * 10_000, 7, None, ["x"], {"x": 1}])
def test_ids_that_cannot_be(pair, call_id):
    caller, _ = pair
    for name, more in (("end-call", {}), ("accept-call", {"answer": answer()}), ("media-state", {"state": "lost"})):
        caller.refused(name, {"callId": call_id, **more}, "invalid_input")


@pytest.mark.parametrize(
    "name, payload",
    [
        ("end-call", None),
        ("end-call", "text"),
        ("end-call", []),
        ("end-call", {}),
        ("call-user", {"offer": offer()}),
        ("media-state", {"state": "perfect"}),
        ("network-quality", {"type": "carrier-pigeon"}),
        ("network-quality", {"type": "wifi", "rssiDbm": "loud"}),
        ("app-state", {"state": "asleep"}),
    ],
)
def test_payloads_of_the_wrong_shape(pair, name, payload):
    pair[0].refused(name, payload, "invalid_input")


@pytest.mark.parametrize("description", ["", "x", "V=0", 7, None, {}])
def test_what_is_no_sdp_is_refused_and_the_call_goes_on(pair, description):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    payload = {"callId": call_id, "targetUserId": callee.id, "offer": {"type": "offer", "sdp": description}}
    caller.refused("call-user", payload, "invalid_input")
    caller.ok("call-user", {**payload, "offer": offer()})
    callee.expect("incoming-call", callId=call_id)
    caller.end(call_id)


def test_an_answer_is_no_offer(pair):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    payload = {"callId": call_id, "targetUserId": callee.id, "offer": answer()}
    caller.refused("call-user", payload, "invalid_input")
    caller.end(call_id)


def test_sizes_of_sdp_and_of_messages(pair):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    payload = {"callId": call_id, "targetUserId": callee.id}
    largest = SDP + "a=" + "x" * (64 * 1024 - len(SDP) - 4) + "\r\n"
    assert len(largest) == 64 * 1024
    caller.refused("call-user", {**payload, "offer": offer(largest + "x")}, "payload_too_large")
    caller.refused("call-user", {**payload, "offer": offer(SDP + "x" * (140 * 1024))}, "payload_too_large")
    caller.ok("call-user", {**payload, "offer": offer(largest)})
    assert callee.expect("incoming-call", callId=call_id)["offer"] == offer(largest)
    caller.end(call_id)


def test_texts_of_ten_thousand_characters(pair):
    """Refused with their code, and the call is as it was."""
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    long = "x" * 10_000
    callee.refused("reject-call", {"callId": call_id, "reason": long}, "invalid_input")
    callee.refused("accept-call", {"callId": call_id, "answer": {"type": long, "sdp": SDP}}, "invalid_input")
    caller.refused("ice-candidate", {"callId": call_id, "candidate": {"candidate": long}}, "invalid_input")
    caller.refused("ice-candidate", {"callId": call_id, "candidate": {"candidate": "c", "sdpMid": long}}, "invalid_input")
    caller.refused("call-user", {"callId": call_id, "targetUserId": long, "offer": offer()}, "invalid_input")
    caller.refused("end-call", {"roomId": long}, "invalid_input")
    caller.refused(long, {}, "unknown_event")
    assert caller.call(call_id)["state"] == "Connecting"
    callee.accept(call_id)
    caller.end(call_id)


def test_an_unknown_event_is_told_so(pair):
    caller, _ = pair
    caller.refused("make-coffee", {"strong": True}, "unknown_event")
    caller.refused("incoming-call", {"callId": "x"}, "unknown_event")
    caller.settle()


def test_events_out_of_order_are_refused(pair):
    caller, callee = pair
    call_id = caller.initiate(callee)["callId"]
    ack = callee.ask("accept-call", {"callId": call_id, "answer": answer()})
    assert not ack["ok"] and ack["error"]["code"] in ("invalid_state", "not_found"), ack
    caller.refused("renegotiate", {"callId": call_id, "description": offer()}, "invalid_state")
    caller.ok("call-user", {"callId": call_id, "targetUserId": callee.id, "offer": offer()})
    callee.expect("incoming-call", callId=call_id)
    caller.end(call_id)


def test_the_caller_cannot_accept_for_the_callee(pair):
    caller, callee = pair
    call_id = caller.ring(callee)
    callee.expect("incoming-call", callId=call_id)
    ack = caller.ask("accept-call", {"callId": call_id, "answer": answer()})
    assert not ack["ok"] and ack["error"]["code"] in ("forbidden", "invalid_state"), ack
    assert caller.call(call_id)["state"] == "Connecting"
    caller.end(call_id)


def test_the_target_of_the_offer_must_be_the_callee(pair, user):
    caller, callee = pair
    other = user("other")
    call_id = caller.initiate(callee)["callId"]
    ack = caller.ask("call-user", {"callId": call_id, "targetUserId": other.id, "offer": offer()})
    assert not ack["ok"], ack
    callee.settle()
    assert not callee.heard("incoming-call")
    caller.end(call_id)


def test_quality_is_judged_and_told_to_both(pair):
    caller, callee = pair
    call_id = talk(caller, callee)
    caller.ok("network-quality", {"callId": call_id, "type": "wifi", "rssiDbm": -80})
    low = {"width": 854, "height": 480, "frameRate": 15}
    for phone in pair:
        told = phone.expect("quality", callId=call_id, level="low")
        assert {key: told["settings"][key] for key in low} == low
    caller.end(call_id)
