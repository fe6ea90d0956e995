"""The gRPC side of a stand-in: answers the engine's calls with a `Provider`'s declarations.

The SDK's own `pulumi.provider.experimental` servicer is not used: it lacks `Handshake` and
`Attach`, takes unknown values for text, cannot tell connections apart, and has no way to say that
a resource was created but did not come up. This one speaks the same protocol classes.
"""

# ruff: noqa: ARG002, N802 - names and arguments of the methods are the protocol's

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final, Generic, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import (
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from localcloud.providers import lifecycle
from localcloud.providers.diff import compare, without_ignored
from localcloud.providers.framework import (
    Context,
    NotFound,
    PartialFailure,
    Provider,
    ProviderError,
    Resource,
    Values,
    has_unknown,
)
from localcloud.providers.responses import diff_response, failed_checks
from localcloud.providers.schema import INTERNAL_INPUTS, check_inputs, decode_config
from localcloud.providers.sessions import Session, Sessions
from localcloud.providers.values import from_struct, to_struct

_LOG: Final = logging.getLogger(__name__)

ClientT = TypeVar("ClientT")


class Servicer(provider_pb2_grpc.ResourceProviderServicer, Generic[ClientT]):
    """Serves one provider to any number of engines and provider resources."""

    def __init__(self, provider: Provider[ClientT]) -> None:
        self._provider = provider
        self._resources = {resource.token: resource for resource in provider.resources}
        self._functions = {function.token: function for function in provider.functions}
        self._sessions: Sessions[ClientT] = Sessions()

    # ---- the connection -------------------------------------------------------------------

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        self._session(context).engine_address = request.engine_address
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=False, accept_outputs=False
        )

    def Attach(
        self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self._session(context).engine_address = request.address
        return empty_pb2.Empty()

    def GetPluginInfo(
        self,
        request: empty_pb2.Empty,
        context: grpc.ServicerContext,
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version(self._provider.package))

    def GetSchema(
        self,
        request: provider_pb2.GetSchemaRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "{self._provider.name}"}}')

    def Cancel(
        self,
        request: empty_pb2.Empty,
        context: grpc.ServicerContext,
    ) -> empty_pb2.Empty:
        self._session(context).stopped.set()
        return empty_pb2.Empty()

    # ---- the provider's configuration -----------------------------------------------------

    def CheckConfig(
        self,
        request: provider_pb2.CheckRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CheckResponse:
        given = from_struct(request.news)
        _, failures = check_inputs(self._provider.config, self._decoded(given))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failed_checks(failures))

    def DiffConfig(
        self,
        request: provider_pb2.DiffRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.DiffResponse:
        old = self._decoded(from_struct(request.old_inputs or request.olds))
        new = self._decoded(from_struct(request.news))
        changes = without_ignored(compare(self._provider.config, old, new), request.ignoreChanges)
        return diff_response(changes, delete_first=False)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        session = self._session(context)
        config, failures = check_inputs(
            self._provider.config, self._decoded(from_struct(request.args))
        )
        unknown = [key for key, value in config.items() if has_unknown(value)]
        if failures:
            error = ProviderError("; ".join(f"{f.property}: {f.reason}" for f in failures))
            session.unconfigured(str(error))
            self._fail(context, error, f"configure {self._provider.name}")
        try:
            if unknown:
                session.unconfigured(f"not known yet: {', '.join(sorted(unknown))}")
            else:
                session.configured(self._provider.configure(config))
        except Exception as error:
            session.unconfigured(str(error))
            self._fail(context, error, f"configure {self._provider.name}")
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def _decoded(self, given: Mapping[str, Any]) -> Values:
        fields = {item.name: item for item in self._provider.config}
        return {
            key: decode_config(fields[key], value) if key in fields else value
            for key, value in given.items()
            if key not in INTERNAL_INPUTS
        }

    # ---- resources ------------------------------------------------------------------------

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        resource = self._resource(request.urn, context)
        olds = from_struct(request.olds)
        news = {
            key: value
            for key, value in from_struct(request.news).items()
            if key not in INTERNAL_INPUTS
        }
        news = lifecycle.with_autoname(resource, request.urn, request.randomSeed, olds, news)
        defaults = news.pop("__defaults", [])
        try:
            inputs, failures = check_inputs(resource.properties, news)
            if not failures:
                ctx = self._context(context, request.urn)
                failures = [*failures, *resource.check(ctx, inputs)]
        except Exception as error:
            self._fail(context, error, f"check {request.urn}")
        if defaults:
            inputs["__defaults"] = defaults
        return provider_pb2.CheckResponse(
            inputs=to_struct(inputs), failures=failed_checks(failures)
        )

    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        resource = self._resource(request.urn, context)
        state, inputs = from_struct(request.olds), from_struct(request.news)
        changes = without_ignored(
            compare(resource.properties, state, inputs), request.ignoreChanges
        )
        changes = list(resource.customise_diff(state, inputs, changes))
        delete_first = lifecycle.deletes_first(resource, from_struct(request.old_inputs), inputs)
        return diff_response(changes, delete_first, tainted=lifecycle.TAINTED in state)

    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        resource = self._resource(request.urn, context)
        inputs = from_struct(request.properties)
        if request.preview:
            outputs = lifecycle.preview_create(resource, inputs)
            return provider_pb2.CreateResponse(properties=to_struct(outputs))
        ctx = self._context(context, request.urn, request.timeout)
        try:
            resource_id, made = lifecycle.create(resource, ctx, lifecycle.without_internal(inputs))
        except PartialFailure as failure:
            self._fail_partially(context, resource, failure, inputs)
        except Exception as error:
            self._fail(context, error, f"create {request.urn}")
        outputs = lifecycle.sealed(resource, {**inputs, **made})
        return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(outputs))

    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        resource = self._resource(request.urn, context)
        state, old_inputs = from_struct(request.properties), from_struct(request.inputs)
        ctx = self._context(context, request.urn, request.timeout)
        try:
            found = resource.read(ctx, request.id, lifecycle.without_internal(state))
        except NotFound:
            found = None
        except Exception as error:
            self._fail(context, error, f"read {request.urn}")
        if found is None:
            return provider_pb2.ReadResponse()
        resource_id = str(found.pop("id", request.id))
        outputs = {**state, **found}
        inputs = lifecycle.inputs_from(resource, old_inputs, outputs, importing=not state)
        return provider_pb2.ReadResponse(
            id=resource_id,
            properties=to_struct(lifecycle.sealed(resource, outputs)),
            inputs=to_struct(inputs),
        )

    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        resource = self._resource(request.urn, context)
        old, new = from_struct(request.olds), from_struct(request.news)
        kept = lifecycle.kept_by_update(resource, old, new, preview=request.preview)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct(kept))
        ctx = self._context(context, request.urn, request.timeout)
        plain_old, plain_new = lifecycle.without_internal(old), lifecycle.without_internal(new)
        try:
            made = resource.update(ctx, request.id, plain_old, plain_new)
        except PartialFailure as failure:
            self._fail_partially(context, resource, failure, kept)
        except Exception as error:
            self._fail(context, error, f"update {request.urn}")
        outputs = lifecycle.sealed(resource, {**kept, **made})
        return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        resource = self._resource(request.urn, context)
        state = lifecycle.without_internal(from_struct(request.properties))
        ctx = self._context(context, request.urn, request.timeout)
        try:
            resource.delete(ctx, request.id, state)
        except NotFound:
            pass
        except Exception as error:
            self._fail(context, error, f"delete {request.urn}")
        return empty_pb2.Empty()

    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        function = self._functions.get(request.tok)
        if function is None:
            self._unsupported(context, "function", request.tok)
        args, failures = check_inputs(function.properties, from_struct(request.args))
        if failures:
            return provider_pb2.InvokeResponse(failures=failed_checks(failures))
        try:
            result = function.run(self._context(context, request.tok), args)
        except Exception as error:
            self._fail(context, error, f"invoke {request.tok}")
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))  # `return` is a keyword
        return response

    # ---- helpers --------------------------------------------------------------------------

    def _session(self, context: grpc.ServicerContext) -> Session[ClientT]:
        return self._sessions.of(context.peer())

    def _resource(self, urn: str, context: grpc.ServicerContext) -> Resource[ClientT]:
        token = urn.split("::")[2].rpartition("$")[2]
        resource = self._resources.get(token)
        if resource is None:
            self._unsupported(context, "resource", token)
        return resource

    def _unsupported(self, context: grpc.ServicerContext, kind: str, token: str) -> NoReturn:
        advice = self._provider.refused.get(token, "it can only be used with the official plugin")
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, f"the local cloud has no {kind} {token}: {advice}"
        )

    def _context(
        self, context: grpc.ServicerContext, urn: str, timeout: float = 0.0
    ) -> Context[ClientT]:
        session = self._session(context)
        cancelled = threading.Event()
        context.add_callback(cancelled.set)
        return Context(
            urn=urn,
            timeout=timeout,
            get_client=session.client,
            cancelled=cancelled,
            cancel_scope=session.stopped,
            log=lambda message: session.log(urn, message),
        )

    def _fail(self, context: grpc.ServicerContext, error: Exception, doing: str) -> NoReturn:
        if isinstance(error, ProviderError):
            _LOG.info("%s: %s", doing, error)
            message = str(error)
        else:
            _LOG.error("%s failed", doing, exc_info=error)
            message = f"{type(error).__name__}: {error}"
        context.abort(grpc.StatusCode.UNKNOWN, message)

    def _fail_partially(
        self,
        context: grpc.ServicerContext,
        resource: Resource[ClientT],
        failure: PartialFailure,
        inputs: Values,
    ) -> NoReturn:
        outputs = lifecycle.sealed(resource, {**inputs, **failure.outputs, lifecycle.TAINTED: True})
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=failure.resource_id,
                properties=to_struct(outputs),
                inputs=to_struct(inputs),
                reasons=[str(failure)],
            )
        )
        code = grpc.StatusCode.UNKNOWN
        status = status_pb2.Status(code=2, message=str(failure), details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, str(failure))
