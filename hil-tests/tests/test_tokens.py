"""Access tokens that the box did not make, or made for another time: refused on REST and at the socket alike."""

import base64
import json

import pytest
from callbox_hil.phone import Phone, Refused
from callbox_hil.rest import Rest, ok, problem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ACCESS_LIFETIME = 15 * 60


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def decode(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def box_key(box) -> Ed25519PrivateKey:
    """The key that the box signs with: nobody else could make a token that is genuine and too old."""
    pkcs8 = (box.data_dir / "identity" / "token-signing.pk8").read_bytes()
    # RFC 8410: the seed is an octet string within an octet string. The library reads version 1 of the form only.
    at = pkcs8.index(b"\x04\x22\x04\x20") + 4
    return Ed25519PrivateKey.from_private_bytes(pkcs8[at : at + 32])


def changed(token: str, key: Ed25519PrivateKey | None, header: dict | None = None, **claims: object) -> str:
    """The same token with other contents, signed with `key` or not at all."""
    head, body, _ = token.split(".")
    signed = ".".join(
        encode(json.dumps(part).encode()) for part in ({**decode(head), **(header or {})}, {**decode(body), **claims})
    )
    return f"{signed}.{encode(key.sign(signed.encode())) if key else ''}"


def refused_everywhere(box, account, token: str, code: str) -> None:
    with Rest(box, token) as rest:
        problem(rest.get("/api/users/me"), 401, code)
        problem(rest.post("/api/calls/initiate", {"targetUserId": account.id, "media": {"audio": True, "video": False}}), 401, code)
    with pytest.raises(Refused, match=f"^{code}$"):
        Phone(box, account).connect(auth={"token": token})


def test_the_keys_own_token_is_taken(box, user):
    """Without this, the refusals below would prove nothing."""
    account = user()
    with Rest(box, changed(account.token, box_key(box), jti="another")) as rest:
        assert ok(rest.get("/api/users/me"))["id"] == account.id


def test_an_expired_token_says_so(box, user):
    account = user()
    issued = decode(account.token.split(".")[1])["iat"]
    past = {"iat": issued - 2 * ACCESS_LIFETIME, "exp": issued - ACCESS_LIFETIME}
    refused_everywhere(box, account, changed(account.token, box_key(box), **past), "token_expired")


def test_a_token_of_the_future_is_not_of_this_time(box, user):
    account = user()
    issued = decode(account.token.split(".")[1])["iat"] + 10 * ACCESS_LIFETIME
    token = changed(account.token, box_key(box), iat=issued, exp=issued + ACCESS_LIFETIME)
    refused_everywhere(box, account, token, "token_expired")


def forgeries(box, token):
    stranger = Ed25519PrivateKey.generate()
    genuine = box_key(box)
    yield "another key", changed(token, stranger)
    yield "an unknown key id", changed(token, genuine, {"kid": "other"})
    yield "another key under its own id", changed(token, stranger, {"kid": "stranger"})
    yield "no algorithm", changed(token, None, {"alg": "none"})
    yield "no algorithm but a signature", changed(token, genuine, {"alg": "none"})
    yield "a symmetric algorithm", changed(token, genuine, {"alg": "HS256"})
    yield "another box", changed(token, genuine, iss="0" * 64)
    yield "an extension that must be understood", changed(token, genuine, {"crit": ["b64"]})
    yield "an expired forgery", changed(token, stranger, exp=1)
    yield "another user, old signature", ".".join([*changed(token, None, sub="0" * 8).split(".")[:2], token.split(".")[2]])
    yield "no signature", token.rsplit(".", 1)[0] + "."
    yield "two parts", token.rsplit(".", 1)[0]
    yield "four parts", token + ".x"
    yield "ten thousand characters", "x" * 10_000


def test_forged_tokens_are_unauthorized(box, user):
    account = user()
    for what, token in forgeries(box, account.token):
        try:
            refused_everywhere(box, account, token, "unauthorized")
        except (AssertionError, pytest.fail.Exception) as error:
            raise AssertionError(f"with {what}: {error}") from error
    ok(account.rest.get("/api/users/me"))


def test_a_genuine_token_for_somebody_elses_session_is_refused(box, user):
    mine, theirs = user("mine"), user("theirs")
    session = decode(theirs.token.split(".")[1])["sid"]
    refused_everywhere(box, mine, changed(mine.token, box_key(box), sid=session), "session_revoked")
