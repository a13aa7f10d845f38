"""What a stop and a power cut leave behind: every call once, every promise kept."""

import signal

import pytest
from callbox_hil.phone import talk
from callbox_hil.rest import PASSWORD, add_user, ok, set_up, sign_in


@pytest.fixture
def office(new_box, phone):
    """A box of its own with two connected phones."""
    box = new_box()
    admin = set_up(box)
    for name in ("alice", "bob"):
        add_user(admin, name)
    return box, phone(sign_in(box, "alice")), phone(sign_in(box, "bob"))


def history(box, username):
    return ok(sign_in(box, username).rest.get("/api/calls", params={"limit": 200}))["items"]


def test_a_stop_tells_running_calls_and_ends_them(office):
    box, alice, bob = office
    call_id = talk(alice, bob)
    box.signal_stop()
    for phone in (alice, bob):
        phone.expect("call-ended", callId=call_id, reason="box_shutdown", within=10)
    assert box.wait_stopped() == 0
    box.start()
    for username in ("alice", "bob"):
        (record,) = history(box, username)
        assert (record["callId"], record["outcome"], record["endReason"]) == (call_id, "answered", "box_shutdown")
        assert record["durationMs"] > 0


def test_a_stop_ends_ringing_calls_as_well(office):
    box, alice, bob = office
    call_id = alice.ring(bob)
    bob.expect("incoming-call", callId=call_id)
    box.signal_stop()
    for phone in (alice, bob):
        phone.expect("closing", reason="box_shutdown", within=10)
        phone.expect("call-ended", callId=call_id, reason="box_shutdown", within=10)
    assert box.wait_stopped() == 0
    box.start()
    (sent,), (received,) = history(box, "alice"), history(box, "bob")
    assert (sent["outcome"], received["outcome"], sent["endReason"]) == ("failed", "missed", "box_shutdown")


def test_a_kill_during_a_call_leaves_one_record_of_it(office):
    box, alice, bob = office
    ended = alice.ring(bob)
    alice.end(ended)
    alice.expect("call-state", callId=ended, state="Idle")
    call_id = talk(alice, bob)
    box.kill()
    box.start()
    for username in ("alice", "bob"):
        records = {record["callId"]: record for record in history(box, username)}
        assert len(history(box, username)) == len(records) == 2
        assert records[call_id]["endReason"] == "error" and records[call_id]["outcome"] == "answered"
        assert records[ended]["endReason"] == "cancelled"
    alice = sign_in(box, "alice")
    assert ok(alice.rest.get("/api/calls/active"))["items"] == []


def test_a_kill_during_ringing_leaves_a_missed_call(office):
    box, alice, bob = office
    call_id = alice.ring(bob)
    bob.expect("incoming-call", callId=call_id)
    box.kill()
    box.start()
    (sent,), (received,) = history(box, "alice"), history(box, "bob")
    assert (sent["outcome"], received["outcome"], sent["endReason"]) == ("failed", "missed", "error")


def test_users_and_sessions_survive_a_kill(office, phone):
    box, alice, _ = office
    admin = sign_in(box, "admin")
    add_user(admin, "carol")
    refresh = alice.account.login["refreshToken"]
    box.kill()
    box.start()
    sign_in(box, "carol", PASSWORD)
    admin = sign_in(box, "admin")
    renewed = ok(admin.rest.post("/api/auth/refresh", {"refreshToken": refresh}))
    assert renewed["user"]["username"] == "alice"


def test_phones_call_again_after_a_kill(office, phone):
    box, alice, bob = office
    talk(alice, bob)
    box.kill()
    box.start()
    alice, bob = phone(sign_in(box, "alice")), phone(sign_in(box, "bob"))
    call_id = talk(alice, bob)
    alice.end(call_id)
    assert alice.record(call_id)["outcome"] == "answered"


def test_an_interrupt_at_the_terminal_is_a_clean_stop_too(office):
    box, _, _ = office
    box.process.send_signal(signal.SIGINT)
    assert box.wait_stopped() == 0
