"""F2: login, rotation and reuse of refresh tokens, sessions, throttling."""

from callbox_hil.rest import PASSWORD, Rest, add_user, ok, problem, set_up, sign_in


def refresh(rest, token):
    return rest.post("/api/auth/refresh", {"refreshToken": token})


def test_login_tells_who_and_on_which_device(user):
    login = user("kim").login
    assert login["tokenType"] == "Bearer" and login["expiresIn"] == 900
    assert login["user"]["role"] == "user" and login["device"]["id"] and login["device"]["name"]


def test_unknown_user_and_wrong_password_look_the_same(anyone, user):
    known = user("lee").username
    wrong = anyone.post("/api/auth/login", {"username": known, "password": "not this one 1"})
    unknown = anyone.post("/api/auth/login", {"username": "nobody-here", "password": "not this one 1"})
    problem(wrong, 401, "invalid_credentials")
    problem(unknown, 401, "invalid_credentials")
    assert wrong.json() == unknown.json()


def test_without_or_with_a_forged_token_nothing_is_told(anyone, user):
    account = user()
    problem(anyone.get("/api/users/me"), 401, "unauthorized")
    head, body, signature = account.token.split(".")
    flipped = "".join(reversed(signature))
    unsigned = "eyJhbGciOiJub25lIn0"
    for forged in (f"{head}.{body}.{flipped}", f"{unsigned}.{body}.", "x", "a.b.c", "ü"):
        headers = {"Authorization": f"Bearer {forged}".encode()}
        problem(anyone.get("/api/users/me", headers=headers), 401, "unauthorized")


def test_a_refresh_rotates_and_the_retry_gets_the_same(anyone, user):
    account = user()
    first = account.login["refreshToken"]
    second = ok(refresh(anyone, first))
    assert second["refreshToken"] != first
    again = ok(refresh(anyone, first))
    assert again["refreshToken"] == second["refreshToken"], "a client whose answer was lost may ask once more"
    with Rest(account.rest.box, second["accessToken"]) as renewed:
        assert ok(renewed.get("/api/users/me"))["id"] == account.id


def test_reuse_of_an_old_refresh_token_ends_the_family(anyone, user):
    account = user()
    first = account.login["refreshToken"]
    second = ok(refresh(anyone, first))
    third = ok(refresh(anyone, second["refreshToken"]))
    assert refresh(anyone, first).status_code == 401
    assert refresh(anyone, third["refreshToken"]).status_code == 401
    with Rest(account.rest.box, third["accessToken"]) as stolen:
        problem(stolen.get("/api/users/me"), 401, "session_revoked")


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(anyone, user):
    account = user()
    headers = {"Authorization": f"Bearer {account.login['refreshToken']}"}
    problem(anyone.get("/api/users/me", headers=headers), 401, "unauthorized")
    assert refresh(anyone, account.token).status_code == 401
    assert refresh(anyone, "x" * 10_000).status_code in (401, 422)


def test_after_logout_the_session_is_gone_at_once(anyone, user):
    account = user()
    ok(account.rest.post("/api/auth/logout"), 204)
    problem(account.rest.get("/api/users/me"), 401, "session_revoked")
    assert refresh(anyone, account.login["refreshToken"]).status_code == 401


def test_a_browser_gets_its_refresh_token_where_scripts_cannot_read_it(box, user):
    username = user("web").username
    with Rest(box) as browser:
        body = {"username": username, "password": PASSWORD, "device": {"name": "Browser", "platform": "web"}}
        response = browser.post("/api/auth/login", body)
        assert not ok(response).get("refreshToken")
        cookie = response.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "secure", "samesite=strict")), cookie
        assert ok(browser.post("/api/auth/refresh", {}))["accessToken"]


def test_sessions_are_listed_and_revoked_one_by_one(box, user, phone):
    here = user("two")
    there = sign_in(box, here.username, device={"name": "Old phone", "platform": "android"})
    phone_there, phone_here = phone(there), phone(here)
    sessions = ok(here.rest.get("/api/auth/sessions"))["items"]
    assert sorted(session["current"] for session in sessions) == [False, True]
    old = next(session for session in sessions if session["device"]["name"] == "Old phone")
    assert not old["current"] and old["device"]["platform"] == "android"
    ok(here.rest.delete(f"/api/auth/sessions/{old['id']}"), 204)
    phone_there.expect_closed(within=1)
    problem(there.rest.get("/api/users/me"), 401, "session_revoked")
    phone_here.settle()
    assert not phone_here.closed, "only the revoked session ends"


def test_somebody_elses_session_cannot_be_revoked(user):
    mine, theirs = user("mine"), user("theirs")
    other = ok(theirs.rest.get("/api/auth/sessions"))["items"][0]
    problem(mine.rest.delete(f"/api/auth/sessions/{other['id']}"), 404, "not_found")
    ok(theirs.rest.get("/api/users/me"))


def test_ten_failures_throttle_the_account_and_no_other(new_box):
    box = new_box()
    admin = set_up(box)
    add_user(admin, "victim")
    add_user(admin, "other")
    with Rest(box) as rest:
        for _ in range(10):
            problem(rest.post("/api/auth/login", {"username": "victim", "password": "wrong one 1"}), 401, "invalid_credentials")
        # Even the right password must wait now, or the throttle would tell that it was right.
        held = rest.post("/api/auth/login", {"username": "victim", "password": PASSWORD})
        problem(held, 429, "rate_limited")
        assert 0 < int(held.headers["Retry-After"]) <= 15 * 60
    sign_in(box, "other")


def test_fifty_failures_throttle_the_address(new_box):
    box = new_box()
    set_up(box)
    with Rest(box) as rest:
        for number in range(50):
            body = {"username": f"guess-{number}", "password": "wrong one 1"}
            problem(rest.post("/api/auth/login", body), 401, "invalid_credentials")
        held = rest.post("/api/auth/login", {"username": "guess-51", "password": "wrong one 1"})
        problem(held, 429, "rate_limited")
        assert 0 < int(held.headers["Retry-After"]) <= 15 * 60


def test_successes_never_count(new_box):
    box = new_box()
    set_up(box)
    for _ in range(12):
        sign_in(box, "admin")


def test_an_enrolment_token_works_once(anyone, admin, user):
    account = user("newcomer")
    offered = admin.rest.post(f"/api/users/{account.id}/enrolment").raise_for_status().json()
    assert offered["url"].startswith("https://") and "<svg" in offered["qrSvg"] and offered["expiresAt"]
    body = {"token": offered["token"], "device": {"name": "Desk", "platform": "android"}}
    enrolled = ok(anyone.post("/api/auth/enrol", body))
    assert enrolled["user"]["id"] == account.id and enrolled["device"]["name"] == "Desk"
    assert anyone.post("/api/auth/enrol", body).status_code == 401
    assert anyone.post("/api/auth/enrol", {**body, "token": "x"}).status_code == 401
