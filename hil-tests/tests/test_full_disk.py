"""A disk without room: calls go on out of the reserve, other promises are refused with `busy`, and the box says why."""

import os
import subprocess

import pytest
from callbox_hil.box import Box
from callbox_hil.deadline import poll
from callbox_hil.phone import talk
from callbox_hil.rest import PASSWORD, Rest, add_user, ok, problem, set_up, sign_in

# How often an idle store looks at the free space, with room for a busy machine.
NOTICED = 15.0
CALLS = 30


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB of its own. Needs the right to mount, which the machines that run this suite have."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "callbox-test", place], capture_output=True, text=True
    )
    assert mounted.returncode == 0, f"this test needs root, or a user namespace that may mount: {mounted.stderr}"
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def box_there(binary, small_disk):
    box = Box(binary, small_disk / "data")
    # The log of a full disk must not be on it.
    box.log_path = small_disk.with_name("box.log")
    yield box.start()
    box.clean_up()


def fill(place) -> None:
    """Takes all the room there is, to the last byte."""
    with open(place / "filler", "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            chunk = b"x" * size
            try:
                while filler.write(chunk) == size:
                    pass
            except OSError:
                continue
    assert os.statvfs(place).f_bavail == 0


def store_of(account) -> dict:
    parts = ok(account.rest.get("/api/health"))["parts"]
    return next(part for part in parts if part["name"] == "store")


def test_calls_go_on_and_other_promises_wait_until_there_is_room(box_there, small_disk, phone):
    box, admin = box_there, set_up(box_there)
    for name in ("alice", "bob"):
        add_user(admin, name)
    alice, bob = phone(sign_in(box, "alice")), phone(sign_in(box, "bob"))
    running = talk(alice, bob)
    assert store_of(admin)["state"] == "up"

    fill(small_disk)
    refused = {"username": "carol", "password": PASSWORD, "displayName": "Carol"}
    answer = poll(lambda: busy(admin.rest.post("/api/users", refused)), NOTICED, "account changes are refused")
    assert int(answer.headers["Retry-After"]) > 0
    problem(admin.rest.patch("/api/users/me", {"doNotDisturb": True}), 503, "busy")
    told = poll(lambda: not_up(store_of(admin)), NOTICED, "the health report says why")
    assert "disk" in told["detail"] and told["state"] == "impaired", told

    alice.end(running)
    alice.expect("call-ended", callId=running, reason="hangup")
    made = [running]
    for _ in range(CALLS):
        made.append(talk(alice, bob))
        alice.end(made[-1])
        alice.expect("call-state", callId=made[-1], state="Idle")
    assert alice.record(made[-1])["outcome"] == "answered", "new calls are recorded too"

    (small_disk / "filler").unlink()
    poll(lambda: admin.rest.post("/api/users", refused).status_code == 201, NOTICED, "account changes are taken again")
    poll(lambda: store_of(admin)["state"] == "up", NOTICED, "the health report is good again")
    box.kill()
    box.start()
    records = ok(sign_in(box, "alice").rest.get("/api/calls", params={"limit": 200}))["items"]
    assert sorted(record["callId"] for record in records) == sorted(made)
    assert {record["outcome"] for record in records} == {"answered"}
    sign_in(box, "carol")


def busy(answer):
    """The answer, if it is the refusal. Before the box has noticed, it may still be a success or a name taken."""
    if answer.status_code in (201, 422):
        return None
    problem(answer, 503, "busy")
    return answer


def not_up(part: dict):
    return part if part["state"] != "up" else None


def test_a_box_starts_on_a_full_disk_with_the_calls_it_had(box_there, small_disk, phone):
    box, admin = box_there, set_up(box_there)
    add_user(admin, "alice")
    fill(small_disk)
    box.kill()
    box.start()
    with Rest(box) as rest:
        assert ok(rest.get("/api/box"))["setUp"]
        # A login would be one more promise; a session that is there goes on.
        refresh = {"refreshToken": admin.login["refreshToken"]}
        renewed = ok(rest.post("/api/auth/refresh", refresh))["accessToken"]
    with Rest(box, renewed) as rest:
        store = next(part for part in ok(rest.get("/api/health"))["parts"] if part["name"] == "store")
        assert store["state"] == "impaired", store
