"""Users: who may do what, versions, and that there is always an admin."""

import pytest
from callbox_hil.rest import PASSWORD, if_match, ok, problem, set_up, sign_in, unique


def test_a_user_is_made_read_changed_and_deleted(admin):
    name = unique("dana")
    made = admin.rest.post("/api/users", {"username": name, "password": PASSWORD, "displayName": "Dana"})
    row = ok(made, 201)
    assert {key: row[key] for key in ("username", "displayName", "role", "presence", "doNotDisturb")} == {
        "username": name,
        "displayName": "Dana",
        "role": "user",
        "presence": "offline",
        "doNotDisturb": False,
    }
    assert "password" not in made.text
    path = f"/api/users/{row['id']}"
    changed = ok(admin.rest.patch(path, {"displayName": "Dana K"}, headers=if_match(row["version"])))
    assert changed["displayName"] == "Dana K" and changed["version"] > row["version"]
    assert ok(admin.rest.get(path))["displayName"] == "Dana K"
    ok(admin.rest.delete(path, headers=if_match(changed["version"])), 204)
    problem(admin.rest.get(path), 404, "not_found")


def test_an_old_version_changes_nothing(admin, user):
    account = user("erin")
    path = f"/api/users/{account.id}"
    old = ok(admin.rest.get(path))["version"]
    ok(admin.rest.patch(path, {"displayName": "First"}, headers=if_match(old)))
    problem(admin.rest.patch(path, {"displayName": "Second"}, headers=if_match(old)), 412, "version_conflict")
    problem(admin.rest.delete(path, headers=if_match(old)), 412, "version_conflict")
    assert ok(admin.rest.get(path))["displayName"] == "First"


def test_the_etag_is_what_if_match_wants(admin, user):
    account = user("etag")
    path = f"/api/users/{account.id}"
    tag = admin.rest.get(path).headers["etag"]
    assert ok(admin.rest.patch(path, {"displayName": "Tagged"}, headers={"If-Match": tag}))["displayName"] == "Tagged"
    assert admin.rest.get(path, headers={"If-None-Match": tag}).status_code == 200
    now = admin.rest.get(path).headers["etag"]
    assert admin.rest.get(path, headers={"If-None-Match": now}).status_code == 304


def test_the_list_is_paged_without_gap_or_repeat(admin, user):
    expected = {user("page").id for _ in range(3)}
    seen, cursor = [], None
    while True:
        page = ok(admin.rest.get("/api/users", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        assert 0 < len(page["items"]) <= 2
        seen += [row["id"] for row in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) and expected <= set(seen)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "9" * 30])
def test_limits_out_of_range_are_refused(admin, limit):
    problem(admin.rest.get("/api/users", params={"limit": limit}), 422, "invalid_input")


def test_two_users_never_share_a_name_or_an_extension(admin, user):
    taken = user("taken")
    body = {"username": taken.username, "password": PASSWORD, "displayName": "Copy"}
    told = problem(admin.rest.post("/api/users", body), 422, "invalid_input")
    assert told["errors"][0]["field"] == "username"
    extension = ok(taken.rest.get("/api/users/me"))["extension"]
    body = {"username": unique("other"), "password": PASSWORD, "displayName": "Other", "extension": extension}
    told = problem(admin.rest.post("/api/users", body), 422, "invalid_input")
    assert told["errors"][0]["field"] == "extension"


def test_who_is_no_admin_reads_but_does_not_write(admin, user):
    plain, other = user("plain"), user("other")
    assert ok(plain.rest.get(f"/api/users/{other.id}"))["username"] == other.username
    version = ok(plain.rest.get(f"/api/users/{other.id}"))["version"]
    body = {"username": unique("x"), "password": PASSWORD, "displayName": "X"}
    for refused in (
        plain.rest.post("/api/users", body),
        plain.rest.patch(f"/api/users/{other.id}", {"displayName": "X"}, headers=if_match(version)),
        plain.rest.delete(f"/api/users/{other.id}", headers=if_match(version)),
        plain.rest.post(f"/api/users/{other.id}/enrolment"),
    ):
        problem(refused, 403, "forbidden")
    assert ok(admin.rest.get(f"/api/users/{other.id}"))["version"] == version


def test_nobody_makes_himself_an_admin(user):
    plain = user("climber")
    answer = plain.rest.patch("/api/users/me", {"role": "admin"}, headers=if_match(plain.version()))
    assert answer.status_code in (200, 403, 422)
    assert ok(plain.rest.get("/api/users/me"))["role"] == "user"


def test_do_not_disturb_is_ones_own_switch(user):
    account = user("quiet")
    changed = account.rest.patch("/api/users/me", {"doNotDisturb": True}, headers=if_match(account.version()))
    assert ok(changed)["doNotDisturb"] is True
    assert ok(account.rest.get("/api/users/me"))["doNotDisturb"] is True


def test_the_last_admin_stays(new_box):
    admin = set_up(new_box())
    path = f"/api/users/{admin.id}"
    version = admin.version()
    refused = admin.rest.delete(path, headers=if_match(version))
    assert refused.status_code in (403, 409, 422) and refused.json()["code"]
    refused = admin.rest.patch(path, {"role": "user"}, headers=if_match(version))
    assert refused.status_code in (403, 409, 422) and refused.json()["code"]
    assert ok(admin.rest.get("/api/users/me"))["role"] == "admin"


def test_a_deleted_user_is_out_at_once(admin, user, phone):
    account = user("gone")
    socket = phone(account)
    ok(admin.rest.delete(f"/api/users/{account.id}", headers=if_match(account.version())), 204)
    socket.expect_closed(within=1)
    assert account.rest.get("/api/users/me").status_code == 401


def test_a_new_password_ends_the_sessions_of_the_old_one(admin, box, user):
    account = user("changer")
    path = f"/api/users/{account.id}"
    ok(admin.rest.patch(path, {"password": "another horse 8"}, headers=if_match(account.version())))
    assert account.rest.get("/api/users/me").status_code == 401
    sign_in(box, account.username, "another horse 8")
