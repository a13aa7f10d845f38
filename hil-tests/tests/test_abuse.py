"""Bad input over REST: a clear refusal with its code, nothing changed."""

import pytest
from callbox_hil.rest import PASSWORD, Rest, add_user, ok, problem, set_up, sign_in, unique

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"username":}', b"[" * 5_000])
def test_what_is_no_json_is_malformed(anyone, body):
    problem(anyone.request("POST", "/api/auth/login", content=body, headers=JSON), 400, "malformed_json")


@pytest.mark.parametrize("body", [[], "text", 7, {}, {"username": 1, "password": []}, {"username": "x"}])
def test_wrong_types_are_invalid_input(anyone, body):
    told = problem(anyone.post("/api/auth/login", body), 422, "invalid_input")
    assert isinstance(told["errors"], list)


@pytest.mark.parametrize("field", ["username", "displayName", "password", "extension"])
def test_a_field_of_ten_thousand_characters_is_named(admin, field):
    body = {"username": unique("long"), "password": PASSWORD, "displayName": "Long"}
    told = problem(admin.rest.post("/api/users", {**body, field: "x" * 10_000}), 422, "invalid_input")
    assert [error for error in told["errors"] if error["field"] == field and error["code"]], told


@pytest.mark.parametrize("device", [{"name": "x" * 10_000, "platform": "x"}, {"name": "x", "platform": "x" * 10_000}])
def test_a_device_of_ten_thousand_characters_is_refused(anyone, user, device):
    body = {"username": user().username, "password": PASSWORD, "device": device}
    problem(anyone.post("/api/auth/login", body), 422, "invalid_input")


@pytest.mark.parametrize("name", ["a\u0000b", "\u202eabc", "a b", "a\nb", "<script>"])
def test_usernames_are_plain(admin, name):
    body = {"username": name, "password": PASSWORD, "displayName": "Odd"}
    problem(admin.rest.post("/api/users", body), 422, "invalid_input")


def test_display_names_of_all_scripts_are_kept_as_they_are(admin):
    for shown in ("김서연", "Zoë 🎉", "<b>Bo</b>", "Ünal’s"):
        body = {"username": unique("shown"), "password": PASSWORD, "displayName": shown}
        assert ok(admin.rest.post("/api/users", body), 201)["displayName"] == shown


def test_every_error_is_named_at_once(admin):
    body = {"username": "", "password": "", "displayName": ""}
    told = problem(admin.rest.post("/api/users", body), 422, "invalid_input")
    assert {"username", "password", "displayName"} <= {error["field"] for error in told["errors"]}


def test_a_body_beyond_the_cap_is_refused(anyone):
    body = {"username": "x" * 2_000_000, "password": "y"}
    problem(anyone.post("/api/auth/login", body), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/api/users/x", "/api/users/%00", "/api/calls/x", "/api/calls/" + "a" * 5_000])
def test_ids_that_cannot_be_are_not_found_or_invalid(admin, path):
    answer = admin.rest.get(path)
    assert (answer.status_code, answer.json()["code"]) in {(404, "not_found"), (422, "invalid_input")}


def test_unknown_paths_and_methods_get_a_problem(anyone):
    problem(anyone.get("/api/no-such-thing"), 404, "not_found")
    answer = anyone.request("DELETE", "/api/box")
    assert answer.status_code in (404, 405) and answer.json()["code"]


def test_a_cursor_that_is_not_ours_is_refused(admin):
    problem(admin.rest.get("/api/calls", params={"cursor": "x" * 500}), 422, "invalid_input")


def test_unknown_fields_are_tolerated(anyone, user):
    account = user("future")
    body = {"username": account.username, "password": PASSWORD, "fromTheFuture": {"a": [1]}}
    ok(anyone.post("/api/auth/login", body))


@pytest.mark.parametrize(
    "body",
    [
        {"targetUserId": "x", "media": {"audio": True, "video": False}},
        {"targetUserId": "x" * 10_000, "media": {"audio": True, "video": False}},
        {"targetUserId": 1, "media": {"audio": True, "video": False}},
        {"media": {"audio": True, "video": False}},
    ],
)
def test_a_call_to_what_is_no_user_is_refused(user, body):
    answer = user().rest.post("/api/calls/initiate", body)
    assert (answer.status_code, answer.json()["code"]) in {(404, "not_found"), (422, "invalid_input")}


def test_no_personal_data_in_the_log(new_box, phone):
    box = new_box(env={"CALLBOX_LOG": "debug"})
    admin = set_up(box, "adminsecretname")
    add_user(admin, "personsecretname", displayName="Shown Secretname")
    person = sign_in(box, "personsecretname")
    caller, callee = phone(admin), phone(person)
    call_id = caller.ring(callee)
    callee.expect("incoming-call")
    callee.accept(call_id)
    with Rest(box) as rest:
        rest.post("/api/auth/login", {"username": "guesssecretname", "password": "guessed password"})
    caller.end(call_id)
    caller.expect("call-ended")
    assert box.stop() == 0
    log = box.log().lower()
    assert log, "nothing was logged, so nothing is proven"
    secrets = ["secretname", PASSWORD, "guessed password", person.token, person.login["refreshToken"], "127.0.0.1 2 in"]
    assert not [secret for secret in secrets if secret.lower() in log]
