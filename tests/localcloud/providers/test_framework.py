"""The framework, asked over a real gRPC channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from localcloud.providers.framework import UNKNOWN
from localcloud.providers.server import Running, serve
from localcloud.providers.values import from_struct, from_value, to_struct, to_value
from tests.localcloud.providers import toy

URN = "urn:pulumi:test::toy::toy:index:Thing::apple"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


class Engine:
    """Speaks to a provider as the engine does."""

    def __init__(self, port: int) -> None:
        # Without options of its own a channel shares its connection with its likes.
        options = (("grpc.use_local_subchannel_pool", 1),)
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)

    def configure(self, **config: Any) -> None:
        self.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(config)))

    def check(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=URN, news=to_struct(news), olds=to_struct(olds or {}), randomSeed=b"seed"
            )
        )

    def diff(
        self, state: Mapping[str, Any], news: Mapping[str, Any], ignore: tuple[str, ...] = ()
    ) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                urn=URN,
                id="1",
                olds=to_struct(state),
                old_inputs=to_struct(state),
                news=to_struct(news),
                ignoreChanges=ignore,
            )
        )

    def create(self, inputs: Mapping[str, Any], preview: bool = False) -> Any:
        return self.stub.Create(
            provider_pb2.CreateRequest(urn=URN, properties=to_struct(inputs), preview=preview)
        )


@pytest.fixture
def shelves() -> dict[str, toy.Shelf]:
    return {}


@pytest.fixture
def running(shelves: dict[str, toy.Shelf]) -> Iterator[Running]:
    served = serve(toy.provider(shelves))
    yield served
    served.stop(0).wait()


@pytest.fixture
def engine(running: Running) -> Engine:
    engine = Engine(running.port)
    engine.configure(owner="me")
    return engine


def reasons(response: Any) -> dict[str, str]:
    return {failure.property: failure.reason for failure in response.failures}


def test_values_survive_the_wire() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, "x", True, UNKNOWN], "b": {"c": {}}}
    assert from_value(to_value(value)) == value


def test_handshake_attach_and_version_are_answered(engine: Engine) -> None:
    answer = engine.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="x:1"))
    assert not answer.accept_secrets
    assert engine.stub.GetPluginInfo(empty_pb2.Empty()).version[0].isdigit()


def test_all_wrong_inputs_are_refused_at_once_with_their_paths(engine: Engine) -> None:
    answer = engine.check(
        {
            "size": "many",
            "kind": "flat",
            "unheard": 1,
            "ports": [{"external": 1}],
            "address": "x",
            "password": "a",
            "token": "b",
        }
    )
    assert set(reasons(answer)) == {
        "size",
        "kind",
        "unheard",
        "ports[0].external",
        "ports[0].internal",
        "address",
        "password",
    }
    assert "Missing required argument" in reasons(answer)["ports[0].internal"]


def test_defaults_conversions_and_a_name_are_filled_in(engine: Engine) -> None:
    inputs = from_struct(engine.check({"tags": ["a"], "size": "3", "broken": "true"}).inputs)
    assert inputs["size"] == 3
    assert inputs["broken"] is True
    assert inputs["name"].startswith("apple-")
    again = from_struct(engine.check({"tags": ["a"]}, inputs).inputs)
    assert again["name"] == inputs["name"]
    assert again["size"] == 1


def test_checks_of_the_author_and_unknown_values(engine: Engine) -> None:
    assert reasons(engine.check({"size": 13})) == {"size": "must not be 13"}
    unknown = {"size": UNKNOWN, "labels": {"a": UNKNOWN}, "kind": UNKNOWN}
    assert not engine.check(unknown).failures


def test_only_real_differences_count(engine: Engine) -> None:
    state: dict[str, Any] = {
        "name": "a",
        "size": 1,
        "tags": ["x", "y"],
        "zone": "here",
        "address": "me/1",
        "labels": {},
        "path": "A",
    }
    same = {"name": "a", "size": 1, "tags": ["y", "x"], "path": "a"}
    assert engine.diff(state, same).changes == provider_pb2.DiffResponse.DIFF_NONE
    changed = engine.diff(state, {**same, "size": 2, "labels": {"k": "v"}})
    assert set(changed.detailedDiff) == {"size", "labels.k"} or set(changed.detailedDiff) == {
        "size",
        "labels",
    }
    assert not changed.replaces


def test_force_new_replaces_also_from_within(engine: Engine) -> None:
    state = {"name": "a", "size": 1, "ports": [{"internal": 1}]}
    answer = engine.diff(state, {"name": "a", "size": 1, "ports": [{"internal": 2}]})
    assert list(answer.replaces) == ["ports"]
    assert answer.deleteBeforeReplace, "both would have the name that the program gave"
    kind = provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert answer.detailedDiff["ports[0].internal"].kind == kind


def test_ignored_changes_are_no_changes(engine: Engine) -> None:
    state = {"name": "a", "size": 1, "labels": {"a": "1"}}
    news = {"name": "b", "size": 1, "labels": {"a": "2"}}
    answer = engine.diff(state, news, ("name", "labels.a"))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_unknown_inputs_differ(engine: Engine) -> None:
    answer = engine.diff({"name": "a", "size": 1}, {"name": UNKNOWN, "size": 1})
    assert list(answer.replaces) == ["name"]


def test_a_preview_shows_computed_outputs_as_unknown(
    engine: Engine, shelves: dict[str, toy.Shelf]
) -> None:
    outputs = from_struct(engine.create({"name": "a"}, preview=True).properties)
    assert outputs == {"name": "a", "zone": UNKNOWN, "address": UNKNOWN, "revision": UNKNOWN}
    assert not shelves["me"].things


def test_secret_outputs_are_marked(engine: Engine) -> None:
    made = engine.create({"name": "a", "password": "pw"})
    field = made.properties.fields["password"].struct_value.fields
    assert field["4dabf18193072939515e22adb298388d"].string_value == SECRET
    assert from_struct(made.properties)["password"] == "pw"


def test_connections_have_configurations_of_their_own(
    running: Running, shelves: dict[str, toy.Shelf]
) -> None:
    first, second = Engine(running.port), Engine(running.port)
    first.configure(owner="first")
    second.configure(owner="second")
    first.create({"name": "a"})
    assert len(shelves["first"].things) == 1
    assert not shelves["second"].things


def test_an_unknown_configuration_lets_previews_pass_and_nothing_else(running: Running) -> None:
    engine = Engine(running.port)
    engine.configure(owner=UNKNOWN)
    assert not engine.check({"name": "a"}).failures
    assert engine.create({"name": "a"}, preview=True)
    with pytest.raises(grpc.RpcError, match="not configured: not known yet: owner"):
        engine.create({"name": "a"})


def test_a_missing_setting_fails_by_name(running: Running) -> None:
    with pytest.raises(grpc.RpcError, match="owner: Missing required argument"):
        Engine(running.port).configure()


def test_read_serves_refresh_and_import(engine: Engine, shelves: dict[str, toy.Shelf]) -> None:
    made = engine.create({"name": "a", "size": 1})
    shelves["me"].things[made.id]["size"] = 5
    refreshed = engine.stub.Read(
        provider_pb2.ReadRequest(
            urn=URN,
            id=made.id,
            properties=made.properties,
            inputs=to_struct({"name": "a", "size": 1}),
        )
    )
    assert from_struct(refreshed.inputs) == {"name": "a", "size": 5}
    imported = engine.stub.Read(provider_pb2.ReadRequest(urn=URN, id=made.id))
    assert from_struct(imported.inputs) == {"name": "a", "size": 5, "zone": "here"}
    assert engine.stub.Read(provider_pb2.ReadRequest(urn=URN, id="404")).id == ""


def test_what_did_not_come_up_is_kept_and_replaced(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        engine.create({"name": "a", "broken": True})
    error: Any = failure.value
    metadata: dict[str, bytes] = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    packed: any_pb2.Any = status.details[0]
    assert packed.Unpack(detail)
    assert detail.id == "1"
    assert list(detail.reasons) == ["it does not stand"]
    state = from_struct(detail.properties)
    assert engine.diff(state, {"name": "a", "broken": True}).replaces


def test_errors_are_plain_and_deletion_is_idempotent(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        engine.create({"name": "a", "labels": {"fail": "1"}})
    error: Any = failure.value
    assert error.details() == "the shelf is full"
    engine.stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="404"))


def test_functions_and_refused_tokens(engine: Engine) -> None:
    engine.create({"name": "apple"})
    request = provider_pb2.InvokeRequest(tok="toy:index:count", args=to_struct({"prefix": "app"}))
    assert from_struct(getattr(engine.stub.Invoke(request), "return")) == {"count": 1}
    missing = engine.stub.Invoke(provider_pb2.InvokeRequest(tok="toy:index:count"))
    assert reasons(missing) == {"prefix": "Missing required argument 'prefix'"}
    old = URN.replace("Thing", "Old")
    with pytest.raises(grpc.RpcError, match="use toy:index:Thing"):
        engine.stub.Check(provider_pb2.CheckRequest(urn=old))
