"""schemathesis against the document that the box serves: whatever is sent, the answer is one that is documented."""

import json
import os
import subprocess

import pytest
import schemathesis
from callbox_hil.box import Box, binary_path
from callbox_hil.rest import Rest, add_user, ok, set_up, sign_in, unique
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("CALLBOX_API_EXAMPLES", "15"))
# They would end the session that the test itself uses, or count as failed logins of its address.
NOT_FUZZED = {"/api/auth/logout", "/api/auth/login", "/api/setup"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Recording is answered well to somebody who is in a call only, and the one who asks here is in none.
NEVER_WELL = {("POST", "/api/calls/{id}/recording")}
METHODS = {"get", "post", "put", "patch", "delete"}


def printed_document() -> dict:
    run = subprocess.run([binary_path(), "openapi"], capture_output=True, text=True, check=True, timeout=10)
    return json.loads(run.stdout)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per operation, so that the operations run side by side and each is named."""
    if "operation" in metafunc.fixturenames:
        cases = list(operations(printed_document()["paths"]))
        metafunc.parametrize("operation, mode", cases, ids=[f"{method} {path} {mode.value}" for (method, path), mode in cases])


def operations(paths: dict):
    """Every operation with valid input; those that read a body with invalid input as well."""
    for path, methods in paths.items():
        for method in sorted(METHODS.intersection(methods)) if path not in NOT_FUZZED else ():
            yield (method.upper(), path), GenerationMode.POSITIVE
            if "requestBody" in methods[method]:
                yield (method.upper(), path), GenerationMode.NEGATIVE


@pytest.fixture(scope="module")
def fuzzed_box(binary, tmp_path_factory):
    box = Box(binary, tmp_path_factory.mktemp("openapi") / "data")
    try:
        yield box.start()
    finally:
        box.clean_up()


@pytest.fixture(scope="module")
def fuzzing_admin(fuzzed_box):
    return set_up(fuzzed_box)


class Known:
    """Things that exist, to be asked about: what is made up alone is never found, which says little of the answers."""

    def __init__(self, box, admin):
        self.box, self.admin = box, admin

    def user(self) -> str:
        return add_user(self.admin, unique("known"))["id"]

    def session(self) -> str:
        sign_in(self.box, self.admin.username)
        sessions = ok(self.admin.rest.get("/api/auth/sessions", params={"limit": 200}))["items"]
        return next(session["id"] for session in sessions if not session["current"])

    def call(self) -> str:
        body = {"targetUserId": self.user(), "media": {"audio": True, "video": True}}
        caller = sign_in(self.box, self.caller())
        return ok(caller.rest.post("/api/calls/initiate", body), 201)["callId"]

    def caller(self) -> str:
        return add_user(self.admin, unique("caller"))["username"]

    def put_into(self, case, method: str, path: str) -> None:
        """Replaces what names something, and what would make the request depend on an older version."""
        if path.startswith("/api/users/{id}"):
            case.path_parameters["id"] = self.user()
        elif path.startswith("/api/auth/sessions/"):
            case.path_parameters["id"] = self.session()
        elif path.startswith("/api/calls/{id}"):
            case.path_parameters["id"] = self.call()
        elif path == "/api/calls/initiate":
            case.body["targetUserId"] = self.user()
        elif path == "/api/auth/enrol":
            offered = self.admin.rest.post(f"/api/users/{self.user()}/enrolment")
            case.body["token"] = offered.raise_for_status().json()["token"]
        elif path == "/api/auth/refresh":
            case.body = {"refreshToken": sign_in(self.box, self.admin.username).login["refreshToken"]}
        for name in [name for name in case.headers or {} if name.lower() in ("if-match", "if-none-match")]:
            del case.headers[name]
        if method == "PATCH" and isinstance(case.body, dict):
            for name in ("password", "currentPassword", "extension"):
                case.body.pop(name, None)


@pytest.fixture(scope="module")
def known(fuzzed_box, fuzzing_admin):
    return Known(fuzzed_box, fuzzing_admin)


@pytest.fixture(scope="module")
def api(fuzzed_box, fuzzing_admin):
    with Rest(fuzzed_box) as rest:
        return schemathesis.openapi.from_dict(ok(rest.get("/api/openapi.json")))


def test_every_answer_is_documented(api, operation, mode, fuzzed_box, fuzzing_admin, known):
    method, path = operation
    described = api[path][method]
    statuses = set()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data):
        case = data.draw(described.as_strategy(generation_mode=mode))
        if mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
            known.put_into(case, method, path)
        response = case.call_and_validate(
            base_url=fuzzed_box.https,
            headers={"Authorization": f"Bearer {fuzzing_admin.token}"},
            verify=str(fuzzed_box.ca_file()),
            checks=CHECKS,
            timeout=15,
        )
        statuses.add(response.status_code)

    ask()
    if mode is GenerationMode.POSITIVE and operation not in NEVER_WELL:
        assert any(200 <= status < 300 for status in statuses), f"never answered well: {sorted(statuses)}"
    else:
        assert any(400 <= status < 500 for status in statuses), f"never refused: {sorted(statuses)}"


def test_the_served_document_is_the_printed_one(fuzzed_box, fuzzing_admin):
    with Rest(fuzzed_box) as rest:
        assert ok(rest.get("/api/openapi.json")) == printed_document()
