"""The first start: one code, one admin, once."""

import pytest
from callbox_hil.rest import PASSWORD, Rest, ok, problem, set_up, sign_in

ADMIN = {"username": "admin", "password": PASSWORD, "displayName": "Admin"}


def test_a_fresh_box_says_that_it_is_not_set_up(new_box):
    box = new_box()
    with Rest(box) as rest:
        told = ok(rest.get("/api/box"))
        assert told["setUp"] is False
        assert isinstance(told["version"], str) and isinstance(told["features"], list)
        set_up(box)
        assert ok(rest.get("/api/box"))["setUp"] is True


def test_a_wrong_code_is_refused_and_changes_nothing(new_box):
    box = new_box()
    with Rest(box) as rest:
        body = {"code": "AAAA-0000", "boxName": "Mine now", "admin": ADMIN}
        problem(rest.post("/api/setup", body), 403, "invalid_setup_code")
        assert ok(rest.get("/api/box"))["setUp"] is False
    set_up(box)


def test_set_up_answers_like_a_login_and_works_once_only(new_box):
    box = new_box()
    code = box.setup_code
    admin = set_up(box)
    assert admin.login["tokenType"] == "Bearer" and admin.login["user"]["role"] == "admin"
    assert ok(admin.rest.get("/api/users/me"))["username"] == "admin"
    with Rest(box) as rest:
        body = {"code": code, "boxName": "Again", "admin": ADMIN}
        problem(rest.post("/api/setup", body), 409, "already_set_up")
    assert sign_in(box, "admin").login["user"]["id"] == admin.id


@pytest.mark.parametrize(
    "field, value",
    [("username", ""), ("username", "x" * 10_000), ("password", ""), ("displayName", "x" * 10_000)],
)
def test_what_an_admin_may_not_be_called(new_box, field, value):
    box = new_box()
    with Rest(box) as rest:
        body = {"code": box.setup_code, "boxName": "Test box", "admin": {**ADMIN, field: value}}
        told = problem(rest.post("/api/setup", body), 422, "invalid_input")
    assert [error for error in told["errors"] if field in error["field"]], told
    set_up(box)
