"""A server's Docker: reached by ssh, once it is ready."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pulumi

from components.component import Component
from components.docker.ssh import SshTarget
from components.sdk import command, docker

if TYPE_CHECKING:
    from components.docker.container import Described

# A new server refuses connections, then has no Docker, then has it: each is awaited, for at most
# ten minutes. A pinned key that does not match will never get better, so that ends the wait.
_READY = """\
deadline=$(( $(date +%s) + 600 ))
while true; do
  reply=$({probe} 2>&1) && break
  case "$reply" in
    *"Host key verification failed"*|*"Permission denied"*)
      refused=$(( ${{refused:-0}} + 1 ))
      [ "$refused" -lt 15 ] || {{ echo "$reply" >&2; exit 1; }} ;;
  esac
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "server {address} was not ready within 10 minutes: $reply" >&2
    exit 1
  fi
  sleep 1
done
printf %s "$reply" | tail -n 1"""

_PROBE = "cloud-init status --wait >/dev/null; docker version --format '{{.Server.Version}}'"


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """Credentials of a private image registry."""

    username: str
    password: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class HostArgs:
    """Which server, and how to log in.

    `server` is the cloud's resource: all that runs on it is replaced with it, and deleted with it.
    """

    server: pulumi.Resource
    server_id: pulumi.Input[str]
    address: pulumi.Input[str]
    host_key: pulumi.Input[str]
    user: str
    identity_file: str | None = None
    registries: Mapping[str, RegistryLogin] = field(default_factory=dict[str, RegistryLogin])


class Host(Component):
    """A ready Docker host, and the options of whatever runs on it."""

    token: ClassVar[str] = "manacore:docker:Host"
    docker_version: pulumi.Output[str]
    url: pulumi.Output[str]
    ssh_options: pulumi.Output[list[str]]

    def __init__(self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None):
        """Wait for the server, then configure a Docker provider for it."""
        super().__init__(name, opts)
        self.containers: list[Described] = []
        self._server = args.server
        self._server_id = args.server_id
        self.target: pulumi.Output[SshTarget] = pulumi.Output.all(
            args.address, args.host_key, args.server_id
        ).apply(
            lambda found: SshTarget(
                user=args.user,
                address=found[0],
                host_key=found[1],
                server_id=found[2],
                identity_file=args.identity_file,
            )
        )
        ready = command.Command(
            f"{name}-ready",
            create=self.target.apply(_ready_script),
            opts=self._with_server(self.child_options()),
        )
        self.docker_version = ready.stdout
        self.ssh_options = self.target.apply(lambda target: target.options)
        # The address stays unknown until the server is ready, so nothing connects before.
        self.url = pulumi.Output.all(self.target, ready.stdout).apply(lambda both: both[0].url)
        self.provider = docker.Provider(
            f"{name}-docker",
            host=self.url,
            ssh_opts=self.target.apply(lambda target: target.shared_options),
            # The command before it has awaited the daemon. The engine also starts this provider
            # as it was, to compare what a replaced server held: a dead one must not be asked.
            disable_docker_daemon_check=True,
            registry_auth=[
                {"address": registry, "username": login.username, "password": login.password}
                for registry, login in args.registries.items()
            ],
            opts=self.child_options(),
        )
        self.register()

    def options(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a Docker resource on this server.

        Without `replace_with` a rebuilt server would stay empty; without `deleted_with` the engine
        would ask the dead server to delete its containers.
        """
        return self._with_server(pulumi.ResourceOptions(parent=parent, provider=self.provider))

    def run(
        self,
        name: str,
        parent: pulumi.Resource,
        *,
        create: str,
        stdin: pulumi.Input[str] | None = None,
        triggers: list[pulumi.Input[str]] | None = None,
        depends_on: list[pulumi.Resource] | None = None,
        delete: str | None = None,
    ) -> command.Command:
        """Run a shell text on the server when it is new or when text or input change.

        `stdin` reaches the text as its standard input; mark it secret when it is.
        """
        options = self._with_server(pulumi.ResourceOptions(parent=parent, depends_on=depends_on))
        # A rebuilt server has the old one's address: deleting last would undo what was just made.
        options.delete_before_replace = True

        def remote(text: str) -> pulumi.Output[str]:
            return pulumi.Output.all(self.target, self.docker_version).apply(
                lambda both: both[0].command(text)
            )

        return command.Command(
            name,
            create=remote(create),
            update=remote(create),
            delete=remote(delete) if delete else None,
            stdin=stdin,
            triggers=triggers,
            opts=options,
        )

    def _with_server(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        options.deleted_with = self._server
        options.replace_with = [self._server]
        # A server that was deleted behind the program's back is created, not replaced: only its
        # new id says that what ran on it is gone.
        options.replacement_trigger = self._server_id
        return options


def _ready_script(target: SshTarget) -> str:
    return _READY.format(probe=target.command(_PROBE), address=shlex.quote(target.address))
