"""Which of the edges at one address takes the new connections.

Edges that listen at the same ports share what comes, by chance. The kernel lets any of a port's
sockets decide for all of them by a program; the one here always says the same number, the socket's
place in the order in which they began to listen. So an edge takes its first connection when it is
healthy, and its last one before it is drained.
"""

from __future__ import annotations

import shlex

LABEL = "manacore.edge"
"""The label of an edge's container: the name of the holder of its network."""

# Arguments: the holder, and the edge that shall take the connections; without one, those that run
# keep them, and nothing that is wrong with them is this script's error. Each number is tried until
# a connection ends up where it should: the place says nothing certain once several have come and
# gone. The socket that carries the program to the others is closed at once; what reached it
# moves on (net.ipv4.tcp_migrate_req). Datagrams stay with the oldest socket, which knows their
# connections.
REMOTE_STEER = """\
import ctypes, glob, json, os, socket, struct, subprocess, sys, time
holder, wanted = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
libc = ctypes.CDLL(None, use_errno=True)
ATTACH_REUSEPORT_CBPF, RETURN = 51, 6
def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout
def inspected(*names):
    return json.loads(docker("inspect", *names)) if names else []
def sockets(pid):
    found = set()
    for process in [pid, *children(pid)]:
        for link in glob.glob(f"/proc/{process}/fd/*"):
            try:
                name = os.readlink(link)
            except OSError:
                continue
            if name.startswith("socket:["):
                found.add(name[8:-1])
    return found
def children(pid):
    for file in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(file) as listed:
            for child in listed.read().split():
                yield from [child, *children(child)]
def end(family, text):
    address, port = text.split(":")
    words = struct.pack(f"={len(address) // 8}I", *(
        int(address[at:at + 8], 16) for at in range(0, len(address), 8)))
    return socket.inet_ntop(family, words), int(port, 16)
def table(pid, protocol):
    rows = []
    for family, suffix in ((socket.AF_INET, ""), (socket.AF_INET6, "6")):
        try:
            lines = open(f"/proc/{pid}/net/{protocol}{suffix}").read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            part = line.split()
            rows.append((family, *end(family, part[1]), end(family, part[2]), part[3], part[9]))
    return rows
def shared(edge, family, kind, address, port):
    # Sockets share a port with those of the same user only.
    libc.setfsuid(os.stat(f"/proc/{edge}").st_uid)
    try:
        made = socket.socket(family, kind)
    finally:
        libc.setfsuid(0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind((address, port))
    return made
def attach(edge, family, kind, address, port, number):
    code = ctypes.create_string_buffer(struct.pack("HBBI", RETURN, 0, 0, number))
    with shared(edge, family, kind, address, port) as carrier:
        if kind == socket.SOCK_STREAM:
            carrier.listen()
        carrier.setsockopt(socket.SOL_SOCKET, ATTACH_REUSEPORT_CBPF,
                           struct.pack("HL", 1, ctypes.addressof(code)))
def reached(edge, address, port):
    # Both families' listeners take this one; "::1" is not there where IPv6 is off.
    there = "127.0.0.1" if address in ("0.0.0.0", "::") else address
    with socket.create_connection((there, port), timeout=5) as probe:
        own = probe.getsockname()[:2]
        until = time.monotonic() + 2
        while time.monotonic() < until:
            # By the address too: clients elsewhere may have had the same port just now.
            found = [row for row in table(edge, "tcp") if row[2] == port
                     and (row[3][0].removeprefix("::ffff:"), row[3][1]) == own]
            if found and found[0][5] != "0":
                return found[0][5] in sockets(edge)
            time.sleep(0.01)
    return False
def steer(edges, edge):
    own = sockets(edge)
    listening = [row[:3] for row in table(edge, "tcp") if row[4] == "0A" and row[5] in own]
    ports = {port for _, _, port in listening}
    for family, address, port in sorted(set(listening)):
        for number in range(len(edges)):
            attach(edge, family, socket.SOCK_STREAM, address, port, number)
            if reached(edge, address, port):
                break
        else:
            raise SystemExit(f"the edge takes no connections at port {port}")
    for row in table(edge, "udp"):
        if row[2] in ports and row[5] in own:
            attach(edge, row[0], socket.SOCK_DGRAM, row[1], row[2], 0)
running = inspected(*docker("ps", "--quiet", "--filter", "label=manacore.edge=" + holder).split())
running.sort(key=lambda one: one["State"]["StartedAt"])
edges = {one["Name"].strip("/"): one["State"]["Pid"] for one in running}
namespace = os.open(f"/proc/{inspected(holder)[0]['State']['Pid']}/ns/net", os.O_RDONLY)
if libc.setns(namespace, 0):
    raise SystemExit(f"{holder}: its network: {os.strerror(ctypes.get_errno())}")
if wanted not in ("", *edges):
    raise SystemExit(f"{wanted} does not run")
if wanted:
    steer(edges, edges[wanted])
elif edges:
    try:
        steer(edges, next(iter(edges.values())))
    except (OSError, SystemExit) as error:
        print(f"the edge that runs cannot be given the connections: {error}", file=sys.stderr)
"""


def keep(holder: str) -> str:
    """The remote text by which the edges that run keep all connections when another one comes."""
    return shlex.join(["sudo", "python3", "-c", REMOTE_STEER, holder])


def switch(holder: str, edge: str) -> str:
    """The remote text by which an edge takes all new connections."""
    return shlex.join(["sudo", "python3", "-c", REMOTE_STEER, holder, edge])
