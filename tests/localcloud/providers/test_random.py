"""The random stand-in under the real engine."""

from __future__ import annotations

import base64
import string
from typing import Any

import bcrypt
import pulumi
import pulumi_random as random
import pytest

from localcloud.providers import random as standin
from tests.localcloud.providers.conftest import MakeHarness

pytestmark = pytest.mark.local


def by_type(harness: Any, name: str) -> dict[str, Any]:
    return next(item for item in harness.state() if item["type"].endswith(f":{name}"))


def test_values_are_made_once_kept_secret_and_replaced_with_their_keepers(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(standin.provider())
    keeper = {"value": "1"}

    def program() -> None:
        options = pulumi.ResourceOptions(provider=random.Provider("random"))
        random.RandomBytes("bytes", length=32, opts=options)
        random.RandomId("id", byte_length=4, prefix="x-", opts=options)
        random.RandomString("string", length=8, special=False, upper=False, opts=options)
        password = random.RandomPassword(
            "password", length=20, min_numeric=3, keepers=keeper, opts=options
        )
        pulumi.export("password", password.result)
        pulumi.export("hash", password.bcrypt_hash)

    harness.up(program)
    outputs = harness.stack.outputs()
    password = str(outputs["password"].value)
    assert outputs["password"].secret
    assert len(password) == 20
    assert sum(character in string.digits for character in password) >= 3
    hashed = str(outputs["hash"].value)
    assert bcrypt.checkpw(password.encode(), hashed.encode())
    assert by_type(harness, "RandomPassword")["id"] == "none"
    assert len(base64.b64decode(by_type(harness, "RandomBytes")["id"])) == 32
    assert set(by_type(harness, "RandomString")["outputs"]["result"]) <= set(
        string.ascii_lowercase + string.digits
    )
    assert by_type(harness, "RandomId")["outputs"]["hex"].startswith("x-")
    assert set(harness.preview()) == {"same"}

    keeper["value"] = "2"
    assert harness.up()["replace"] == 1
    assert str(harness.stack.outputs()["password"].value) != password


def test_an_existing_password_can_be_imported(make_harness: MakeHarness) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        options = pulumi.ResourceOptions(
            provider=random.Provider("random"), import_="correct horse"
        )
        password = random.RandomPassword("password", length=13, opts=options)
        pulumi.export("password", password.result)

    harness.up(program)
    assert harness.stack.outputs()["password"].value == "correct horse"


def test_an_impossible_password_is_refused(make_harness: MakeHarness) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        options = pulumi.ResourceOptions(provider=random.Provider("random"))
        random.RandomPassword("password", length=3, min_lower=2, min_upper=2, opts=options)

    with pytest.raises(Exception, match="at least the sum of the minima"):
        harness.preview(program)
    harness.program = lambda: None


def test_a_length_that_is_no_number_is_refused_by_its_name(make_harness: MakeHarness) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        options = pulumi.ResourceOptions(provider=random.Provider("random"))
        words: Any = "abc"
        random.RandomBytes("bytes", length=words, opts=options)

    with pytest.raises(Exception, match="Expected a Number") as failure:
        harness.preview(program)
    assert "length" in str(failure.value)
    assert "TypeError" not in str(failure.value)
    harness.program = lambda: None
