"""schemathesis against the document that the box serves: whatever is sent, the answer is one that is documented."""

import json
import os
import subprocess

import pytest
import schemathesis
from callbox_hil.box import Box
from callbox_hil.rest import Rest, ok, set_up
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("CALLBOX_API_EXAMPLES", "15"))
# They would end the session that the test itself uses, or count as failed logins of its address.
NOT_FUZZED = ["/api/auth/logout", "/api/auth/login", "/api/setup"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


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
def api_schema(fuzzed_box, fuzzing_admin):
    with Rest(fuzzed_box) as rest:
        return schemathesis.openapi.from_dict(ok(rest.get("/api/openapi.json")))


schema = schemathesis.pytest.from_fixture("api_schema").exclude(path=NOT_FUZZED)


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_documented(case, fuzzed_box, fuzzing_admin):
    case.call_and_validate(
        base_url=fuzzed_box.https,
        headers={"Authorization": f"Bearer {fuzzing_admin.token}"},
        verify=str(fuzzed_box.ca_file()),
        checks=CHECKS,
        timeout=15,
    )


def test_the_served_document_is_the_printed_one(binary, fuzzed_box, fuzzing_admin):
    printed = subprocess.run([binary, "openapi"], capture_output=True, text=True, check=True, timeout=10)
    with Rest(fuzzed_box) as rest:
        assert ok(rest.get("/api/openapi.json")) == json.loads(printed.stdout)
