"""The REST side of a box: a client with or without a token, accounts, and what a problem must look like."""

import itertools
import os
from dataclasses import dataclass
from typing import Any

import httpx

from .box import Box

PASSWORD = "correct horse battery 7"
_serial = itertools.count(1)


class Rest:
    """Requests to one box. Its CA is the only one trusted; the environment's proxies are not used."""

    def __init__(self, box: Box, token: str | None = None, http2: bool = False):
        self.box = box
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(
            base_url=box.https, verify=box.trust(), headers=headers, http2=http2, timeout=15, trust_env=False
        )

    def __enter__(self) -> "Rest":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.client.post(path, json=body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return self.client.patch(path, json=body, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.client.delete(path, **options)


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The body of an answer that must have `status`."""
    assert response.status_code == status, f"{response.request.url.path}: {response.status_code} {response.text}"
    return response.json() if response.content else None


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal, which must be RFC 9457 with this code."""
    assert (response.status_code, response.headers.get("content-type", "").split(";")[0]) == (
        status,
        "application/problem+json",
    ), f"{response.status_code} {response.headers.get('content-type')} {response.text}"
    body = response.json()
    assert (body["code"], body["status"]) == (code, status), body
    assert isinstance(body["type"], str) and isinstance(body["title"], str), body
    return body


@dataclass
class Account:
    """Somebody who is signed in: what the box answered, and a client that carries the token."""

    username: str
    password: str
    login: dict[str, Any]
    rest: Rest

    @property
    def id(self) -> str:
        return self.login["user"]["id"]

    @property
    def token(self) -> str:
        return self.login["accessToken"]

    def version(self) -> int:
        return ok(self.rest.get("/api/users/me"))["version"]


def sign_in(box: Box, username: str, password: str = PASSWORD, device: dict[str, str] | None = None) -> Account:
    """A new session on a device of its own."""
    device = device or {"name": f"device {next(_serial)}", "platform": "test"}
    with Rest(box) as rest:
        body = {"username": username, "password": password, "device": device}
        login = ok(rest.post("/api/auth/login", body))
    return Account(username, password, login, Rest(box, login["accessToken"]))


def set_up(box: Box, username: str = "admin") -> Account:
    """The first start's wizard, over REST."""
    with Rest(box) as rest:
        body = {
            "code": box.setup_code,
            "boxName": "Test box",
            "admin": {"username": username, "password": PASSWORD, "displayName": "Admin"},
        }
        login = ok(rest.post("/api/setup", body), 201)
    return Account(username, PASSWORD, login, Rest(box, login["accessToken"]))


def add_user(admin: Account, username: str, **fields: Any) -> dict[str, Any]:
    """Creates a user and returns the row."""
    body = {"username": username, "password": PASSWORD, "displayName": username.capitalize(), **fields}
    return ok(admin.rest.post("/api/users", body), 201)


def unique(name: str) -> str:
    """A username nobody else in this run has."""
    return f"{name}-{os.getpid()}-{next(_serial)}"


def if_match(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}
