"""A folder brought back by the server itself: the backup agent may only read folders."""

from __future__ import annotations

from datetime import UTC, datetime

from components.backup.backup import FOLDERS
from ops.agent import Agent, Snapshot
from ops.source import own

# What the agent hands out is whole: it compares digests before it writes the first byte. Those who
# have the folder mounted hold on to it, whatever its name, so they are stopped for the change of
# names and find the new one when they start; the agent is one of them.
_PLACE = """\
set -euo pipefail
agent=$1 source=$2 snapshot=$3 target=$4 beside=$5 stamp=$6
mounted='{{range .Mounts}}{{if eq .Destination "'$target'"}}{{.Source}}{{end}}{{end}}'
here=$(docker inspect "$agent" --format "$mounted")
[ -n "$here" ] || { echo "$source is not mounted in $agent" >&2; exit 1; }
copy=$(dirname "$here")/${beside:-$(basename "$here")_restored_$stamp}
# Copies of commands that were killed: only one at a time is under way.
[ -n "$beside" ] || sudo find "$(dirname "$here")" -mindepth 1 -maxdepth 1 \\
  -regextype posix-extended -regex ".*/$(basename "$here")_restored_[0-9]{14}" -exec rm -r {} +
sudo mkdir -m 0700 "$copy"
if ! docker exec "$agent" python3 -m agent export "$source" --snapshot "$snapshot" |
  sudo tar -x -p --numeric-owner -C "$copy"
then
  sudo rm -rf "$copy"
  exit 1
fi
[ -z "$beside" ] || exit 0
users=$(docker ps --quiet --filter "volume=$here")
trap 'docker start $users >/dev/null' EXIT
# An edge would await its longest request for minutes, and take no new one meanwhile.
docker stop --time 30 $users >/dev/null
sudo mv "$here" "${here}_before_$stamp"
sudo mv "$copy" "$here"
echo "${here}_before_$stamp"
"""
_SECONDS = 3600


def place(agent: Agent, chosen: Snapshot, beside: str) -> dict[str, str]:
    """Put a folder in its place, or beside it under a name; answers as the agent does.

    The containers that have it mounted are stopped and started for it; no other is touched. Raises
    `OpsError`.
    """
    told = agent.server.script(
        _PLACE,
        [
            agent.container,
            chosen.source,
            chosen.id,
            f"{FOLDERS}/{own(chosen.source)}",
            beside,
            datetime.now(UTC).strftime("%Y%m%d%H%M%S"),
        ],
        seconds=_SECONDS,
    )
    return {"restored": beside or chosen.source, "kept": told.strip()}
