"""`kill -9` in the middle of everything: what was acknowledged is there after the restart, and every call once."""

import threading

import httpx
import pytest
from callbox_hil.phone import Gone, answer, offer
from callbox_hil.rest import PASSWORD, add_user, if_match, ok, set_up, sign_in, unique

PAIRS = 2
CUT_OFF = (Gone, httpx.TransportError)


class Caller(threading.Thread):
    """Calls and hangs up until the power is cut, and notes how far the box had acknowledged each call."""

    def __init__(self, caller, callee):
        super().__init__(daemon=True)
        self.caller, self.callee = caller, callee
        self.reached: dict[str, str] = {}
        self.fault: BaseException | None = None

    def run(self):
        try:
            while True:
                self.one_call()
        except CUT_OFF:
            pass
        except BaseException as fault:  # noqa: BLE001 - told by the test, in its own thread
            self.fault = fault

    def one_call(self):
        call_id = self.caller.initiate(self.callee)["callId"]
        self.reached[call_id] = "initiated"
        self.caller.ok("call-user", {"callId": call_id, "targetUserId": self.callee.id, "offer": offer()})
        self.callee.ok("accept-call", {"callId": call_id, "answer": answer()})
        self.reached[call_id] = "answered"
        self.caller.ok("end-call", {"callId": call_id})
        self.reached[call_id] = "ended"


class Clerk(threading.Thread):
    """Renames one account again and again, and notes the newest name that was acknowledged and the one after it."""

    def __init__(self, admin, user):
        super().__init__(daemon=True)
        self.admin, self.user = admin, user
        self.acknowledged, self.tried, self.changes = user["displayName"], user["displayName"], 0
        self.fault: BaseException | None = None

    def run(self):
        try:
            while True:
                self.tried = f"Name {self.changes}"
                path = f"/api/users/{self.user['id']}"
                changed = ok(self.admin.rest.patch(path, {"displayName": self.tried}, headers=if_match(self.user["version"])))
                self.user, self.acknowledged = changed, self.tried
                self.changes += 1
        except CUT_OFF:
            pass
        except BaseException as fault:  # noqa: BLE001
            self.fault = fault


def whole_history(account) -> dict[str, dict]:
    records, cursor = {}, None
    while True:
        page = ok(account.rest.get("/api/calls", params={"limit": 200, **({"cursor": cursor} if cursor else {})}))
        for record in page["items"]:
            assert record["callId"] not in records, "a call has one record"
            records[record["callId"]] = record
        cursor = page["nextCursor"]
        if cursor is None:
            return records


def check(record: dict, reached: str) -> None:
    if reached == "ended":
        assert (record["outcome"], record["endReason"]) == ("answered", "hangup"), record
    elif reached == "answered":
        assert record["outcome"] == "answered" and record["endReason"] in ("hangup", "error"), record
    else:
        assert record["outcome"] in ("answered", "failed", "missed") and record["endReason"] in ("hangup", "error"), record


def office(new_box, tmp_path):
    settings = tmp_path / "box.toml"
    # Cheap password checks and a generous pace: this test is about the disk.
    settings.write_text("[accounts]\nhash_target_ms = 20\n[limits]\nrequests_per_second = 5000\nrequest_burst = 5000\n"
                        "events_per_second = 5000\nevent_burst = 5000\n")
    box = new_box("--config", str(settings))
    admin = set_up(box)
    names = [f"{role}{number}" for number in range(PAIRS) for role in ("caller", "callee")]
    for name in names:
        add_user(admin, name)
    return box, names


@pytest.mark.parametrize("after_calls", [1, 7, 23, 60])
def test_nothing_acknowledged_is_lost_when_the_power_is_cut(new_box, phone, tmp_path, after_calls):
    box, names = office(new_box, tmp_path)
    earlier = {name: set() for name in names}
    for _ in range(2):
        admin = sign_in(box, "admin")
        phones = {name: phone(sign_in(box, name)) for name in names}
        callers = [Caller(phones[f"caller{n}"], phones[f"callee{n}"]) for n in range(PAIRS)]
        clerk = Clerk(admin, add_user(admin, unique("renamed")))
        for thread in (*callers, clerk):
            thread.start()
        # The moment is a number of acknowledged calls, not a time: a slow machine is cut off in the middle as well.
        pause = threading.Event()
        while any(len(caller.reached) < after_calls and caller.is_alive() for caller in callers):
            pause.wait(0.001)
        box.kill()
        for thread in (*callers, clerk):
            thread.join(timeout=30)
            assert not thread.is_alive() and thread.fault is None, thread.fault
        box.start()
        for caller in callers:
            assert caller.reached, "no call was made, so nothing is proven"
            sent, received = (whole_history(sign_in(box, side.account.username)) for side in (caller.caller, caller.callee))
            assert sent.keys() == received.keys()
            for call_id, reached in caller.reached.items():
                check(sent[call_id], reached)
            known = earlier[caller.caller.account.username]
            assert known <= sent.keys(), "a record of the time before is gone"
            # One call may have been stored whose answer was still on its way.
            assert len(sent.keys() - known - caller.reached.keys()) <= 1, sent
            known.update(sent)
            assert all(record["endReason"] for record in sent.values()), "every call has an end"
        admin = sign_in(box, "admin", PASSWORD)
        stored = ok(admin.rest.get(f"/api/users/{clerk.user['id']}"))
        assert stored["displayName"] in (clerk.acknowledged, clerk.tried), (stored, clerk.acknowledged, clerk.tried)
        for one in phones.values():
            one.close()
