"""Fixtures of the black-box suite. `box` is shared by the tests of a worker; `new_box` makes one that may be broken."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callbox_hil.box import Box, binary_path
from callbox_hil.phone import Phone
from callbox_hil.rest import Account, Rest, add_user, set_up, sign_in, unique


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", choices=["local"], default="local", help="where the box runs")


@pytest.fixture(scope="session")
def binary() -> Path:
    return binary_path()


@pytest.fixture(scope="session")
def box(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A running box that is not set up yet; tests take `admin` to have it set up."""
    box = Box(binary, tmp_path_factory.mktemp("shared") / "data")
    try:
        yield box.start()
    finally:
        box.clean_up()


@pytest.fixture(scope="session")
def admin(box: Box) -> Account:
    """The first account of the shared box."""
    return set_up(box)


@pytest.fixture
def new_box(binary: Path, tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Makes boxes of a test's own: `new_box()` is started, `new_box(start=False)` is not."""
    made: list[Box] = []

    def make(*options: str, start: bool = True, env: dict[str, str] | None = None) -> Box:
        box = Box(binary, tmp_path / f"data{len(made)}", options, env)
        made.append(box)
        return box.start() if start else box

    yield make
    for box in made:
        box.clean_up()


@pytest.fixture
def anyone(box: Box, admin: Account) -> Iterator[Rest]:
    """A client of the shared box without a token."""
    with Rest(box) as rest:
        yield rest


@pytest.fixture
def user(box: Box, admin: Account) -> Callable[..., Account]:
    """Makes a user on the shared box and signs in."""

    def make(name: str = "user", **fields: object) -> Account:
        username = unique(name)
        add_user(admin, username, **fields)
        return sign_in(box, username)

    return make


@pytest.fixture
def phone() -> Iterator[Callable[..., Phone]]:
    """Connects a phone of an account, on the box that the account belongs to."""
    made: list[Phone] = []

    def make(account: Account, **options: object) -> Phone:
        phone = Phone(account.rest.box, account)
        made.append(phone)
        return phone.connect(**options)

    yield make
    for phone in made:
        phone.close()


@pytest.fixture
def pair(user: Callable[..., Account], phone: Callable[..., Phone]) -> tuple[Phone, Phone]:
    """Two users with a phone each, both connected."""
    return phone(user("alice")), phone(user("bob"))
