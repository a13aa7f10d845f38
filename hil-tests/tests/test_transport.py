"""F10: TLS 1.3 only, HTTP/2 by ALPN, and a plain port that gives away the certificate and nothing else."""

import socket
import ssl

import httpx
import pytest
from callbox_hil.rest import Rest, ok
from cryptography import x509


def handshake(box, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", box.https_port), timeout=5)
    return context.wrap_socket(plain, server_hostname=name)


def test_tls_1_3_is_spoken_and_1_2_refused(box, admin):
    with handshake(box, box.trust()) as secure:
        assert secure.version() == "TLSv1.3"
    old = box.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        handshake(box, old).close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_certificate_holds_for_what_the_box_is_called(box, admin, name):
    handshake(box, box.trust(), name).close()


def test_the_certificate_does_not_hold_for_other_names(box, admin):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(box, box.trust(), "example.com").close()


def test_http_2_by_alpn_and_http_1_without(box, admin):
    with Rest(box, http2=True) as rest:
        assert rest.get("/api/box").http_version == "HTTP/2"
    with Rest(box) as rest:
        assert rest.get("/api/box").http_version == "HTTP/1.1"


def test_the_ca_is_offered_as_der_and_pem(box, admin):
    der = httpx.get(f"{box.http}/ca.crt", trust_env=False)
    pem = httpx.get(f"{box.http}/ca.pem", trust_env=False)
    certificate = x509.load_der_x509_certificate(der.content)
    assert certificate == x509.load_pem_x509_certificate(pem.content)
    assert der.headers["content-type"] == "application/x-x509-ca-cert"
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical and constraints.value.permitted_subtrees
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0


def test_the_plain_port_serves_nothing_else(box, admin):
    page = httpx.get(f"{box.http}/", trust_env=False)
    assert page.status_code == 200 and "/ca.crt" in page.text
    for path in ("/api/box", "/api/auth/login", "/phone", "/metrics"):
        answer = httpx.get(f"{box.http}{path}", trust_env=False)
        assert answer.status_code in (301, 302, 307, 308), f"{path}: {answer.status_code}"
        assert answer.headers["location"].startswith("https://")
    login = {"username": "admin", "password": "x"}
    answer = httpx.post(f"{box.http}/api/auth/login", json=login, trust_env=False)
    assert answer.status_code >= 300, "credentials over plain HTTP are never looked at"


def test_pages_have_a_strict_policy_and_a_validator(box, admin):
    with Rest(box) as rest:
        page = rest.get("/phone")
        assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        again = rest.get("/phone", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304


def test_answers_about_people_are_kept_by_no_cache(admin):
    assert "no-store" in admin.rest.get("/api/users/me").headers.get("cache-control", "") or "private" in (
        admin.rest.get("/api/users/me").headers.get("cache-control", "")
    )


def test_operations(box, admin):
    with Rest(box) as rest:
        assert rest.get("/healthz").status_code == 200
        assert rest.get("/readyz").status_code == 200
        assert ok(rest.get("/api/openapi.json"))["openapi"].startswith("3.")
    assert "# TYPE" in admin.rest.get("/metrics").text


def test_a_silent_connection_does_not_hold_the_stop(new_box):
    box = new_box()
    with socket.create_connection(("127.0.0.1", box.https_port), timeout=5):
        assert box.stop() == 0
