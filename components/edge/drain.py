"""How an edge ends while another one serves: it sends its clients away before it closes.

Go's server drops what is on its way when it shuts down, so nothing may be on its way then
(docs/adr/0008-an-edge-is-replaced-beside-the-old-one.md).
"""

from __future__ import annotations

from typing import Any

RUN = "/run/caddy"
"""The folder of an edge's own files, in memory: its admin socket and what is below."""
READY = "ready"
"""The file that exists once the configuration is loaded, certificates and all."""
DRAINING = "draining"
"""The file that exists while the edge sends its clients away."""
SCRIPT = "run.sh"

# For `sh` of any image: busybox's and others. The table of connections is the namespace's, so those
# of the own Caddy are found by their inodes. Its state 0A is "listening".
RUN_SCRIPT = """\
set -u
run=$1 drain=$2 config=$3 admin=$4
stopping=
trap 'stopping=yes' TERM INT
rm -f "$run/ready" "$run/draining"
caddy run --config "$config" &
caddy=$!

# The same configuration once more is no change; it is answered when the first is in force.
(
  until caddy reload --config "$config" --address "$admin" >/dev/null 2>&1; do
    kill -0 "$caddy" 2>/dev/null || exit
    sleep 0.2
  done
  : >"$run/ready"
) &

# Prints how many connections of clients there are (-1: not known), and how many sockets of others
# listen at the same ports.
count() {
  ls -l "/proc/$caddy/fd" 2>/dev/null | awk '
    NR == FNR { if (match($0, /socket:\\[[0-9]+\\]/)) mine[substr($0, RSTART + 8, RLENGTH - 9)] = 1
                next }
    { split($2, local, ":"); port = local[2] }
    $4 == "0A" { if ($10 in mine) listened[port] = 1; else foreign[port]++ }
    $4 != "0A" && $10 in mine { open[port]++ }
    END { clients = -1; others = 0
          for (port in listened) {
            if (clients < 0) clients = 0
            clients += open[port]; others += foreign[port] }
          print clients, others }
  ' - /proc/net/tcp /proc/net/tcp6
}

# Alone, there is nobody to send them to: whoever stops it so wants it to end.
send_away() {
  counted=$(count)
  [ "${counted#* }" -gt 0 ] || return 0
  : >"$run/draining"
  until=$(($(date +%s) + drain))
  while kill -0 "$caddy" 2>/dev/null && [ "$(date +%s)" -lt "$until" ]; do
    counted=$(count)
    [ "${counted% *}" -ne 0 ] || break
    sleep 1
  done
}

# Whoever restarts the namespace's holder leaves this one in a namespace without a network.
connected() {
  while IFS=: read -r device rest; do
    case $device in *\\|* | *" lo" | lo) ;; *) return 0 ;; esac
  done </proc/net/dev
  return 1
}

while kill -0 "$caddy" 2>/dev/null; do
  if [ "$stopping" ]; then
    send_away
    kill -TERM "$caddy" 2>/dev/null
    break
  fi
  if ! connected; then
    echo '{"level":"error","msg":"the network is gone; ending, to be started in the new one"}'
    kill -KILL "$caddy"
    exit 1
  fi
  sleep 2 &
  wait $!
done
wait "$caddy"
"""


def routes() -> list[dict[str, Any]]:
    """The first routes of a server: while draining, each answer is the last of its connection.

    HTTP/2 is told so by GOAWAY, which Go makes of the same header. HTTP/3 has no such answer: its
    clients are told to come back by TCP. An upgrade names its own `Connection`.
    """
    file = {"root": RUN, "try_files": [f"/{DRAINING}"]}
    return [
        {
            "match": [{"file": file, "not": [{"header": {"Upgrade": ["*"]}}]}],
            "handle": [
                {
                    "handler": "headers",
                    "response": {"set": {"Connection": ["close"], "Alt-Svc": ["clear"]}},
                }
            ],
        }
    ]
