"""schemathesis against the document that the box serves: whatever is sent, the answer is one that is documented."""

import json
import os
import subprocess

import pytest
import schemathesis
from callbox_hil.box import Box, binary_path
from callbox_hil.rest import Rest, ok, set_up
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


@pytest.fixture(scope="module")
def api(fuzzed_box, fuzzing_admin):
    with Rest(fuzzed_box) as rest:
        return schemathesis.openapi.from_dict(ok(rest.get("/api/openapi.json")))


def test_every_answer_is_documented(api, operation, mode, fuzzed_box, fuzzing_admin):
    method, path = operation
    described = api[path][method]
    statuses = set()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data):
        case = data.draw(described.as_strategy(generation_mode=mode))
        response = case.call_and_validate(
            base_url=fuzzed_box.https,
            headers={"Authorization": f"Bearer {fuzzing_admin.token}"},
            verify=str(fuzzed_box.ca_file()),
            checks=CHECKS,
            timeout=15,
        )
        statuses.add(response.status_code)

    ask()
    assert statuses, "no request was made, so nothing is proven"
    print("STATUSES", method, path, mode.value, sorted(statuses))


def test_the_served_document_is_the_printed_one(fuzzed_box, fuzzing_admin):
    with Rest(fuzzed_box) as rest:
        assert ok(rest.get("/api/openapi.json")) == printed_document()
