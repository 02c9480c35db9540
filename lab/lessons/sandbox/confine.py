"""Close the box around a program, from the inside, and watch over it.

A script of its own: ``python -I -S confine.py SPECIFICATION``, with JSON as its argument. It
imports nothing of the lab, because what it imports could be read by what it confines. The kinds:

- ``namespaces``: a root of its own in which the named folders can be read and only /tmp written,
  its own processes, network and users. As root, the program runs as a user that nobody else is.
- ``bubblewrap``: bwrap has done the same already; here only limits are set.
- ``another user``: without namespaces, but as another user (for root in a container).
- ``landlock``: the user's own processes, which the system keeps from files but those of the box,
  and from processes but their own (Linux 6.12 or later).
- ``limits``: the limits alone.

The process that stays watches the memory, and ends everything when the program ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import time
from typing import Any

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
RDONLY, NOSUID, NODEV, BIND, REC, PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
DETACH = 2
SET_DEATH_SIGNAL, SET_DUMPABLE, SUBREAPER, NO_NEW_PRIVILEGES = 1, 4, 36, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
MOUNT_SETATTR = 442
DEVICES = ("null", "zero", "full", "random", "urandom")
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
EVERYTHING = (1 << 16) - 1
"""All that Landlock knows a program to do with files."""
SOCKETS_AND_SIGNALS = 3


def libc() -> Any:
    """Return the C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def must(result: int, call: str) -> None:
    """Raise OSError if a call of the C library failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount something."""
    done = libc().mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    must(done, f"mount {target}")


class Attributes(ctypes.Structure):
    """What mount_setattr(2) takes."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


def bind_read_only(source: str, target: str) -> None:
    """Show a file or folder in another place, with all that is mounted in it, to be read only."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").close()
    mount(source, target, "", BIND | REC)
    attributes = Attributes(RDONLY | NOSUID, 0, 0, 0)
    recursive = 0x8000
    done = libc().syscall(
        MOUNT_SETATTR, -100, target.encode(), recursive, ctypes.byref(attributes), 32
    )
    must(done, f"mount_setattr {target}")


def build_root(root: str, readable: list[str], hidden: list[str], size: int) -> None:
    """Make a root in an empty folder: what may be read, /proc, a few devices, and /tmp."""
    mount("none", "/", "", REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    options = f"size={size},nr_inodes=20000,mode=1777"
    for folder in ("tmp", "dev/shm"):
        os.makedirs(f"{root}/{folder}")
        mount("tmpfs", f"{root}/{folder}", "tmpfs", NOSUID | NODEV, options)
    for path in readable:
        bind_read_only(path, root + path)
    for path in hidden:
        mount("tmpfs", root + path, "tmpfs", RDONLY | NOSUID | NODEV, "size=4k")
    for link in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{link}"):
            os.symlink(os.readlink(f"/{link}"), f"{root}/{link}")
    for device in DEVICES:
        open(f"{root}/dev/{device}", "w").close()
        mount(f"/dev/{device}", f"{root}/dev/{device}", "", BIND)
    os.makedirs(f"{root}/proc")
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV)
    os.chdir(root)
    must(libc().syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    must(libc().umount2(b".", DETACH), "umount")
    os.chdir("/")
    mount("", "/", "", 32 | BIND | RDONLY | NOSUID | NODEV)


def enter_namespaces(specification: dict[str, Any]) -> None:
    """Leave the namespaces of the system; returns in a new process that is the first of its own."""
    everything = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET
    user, group = os.getuid(), os.getgid()
    if user == 0:
        must(libc().unshare(everything), "unshare")
    else:
        must(libc().unshare(everything | NEWUSER), "unshare")
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in maps.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    child = os.fork()
    if child:
        close_all_but_errors()
        signal.signal(signal.SIGTERM, lambda *_: kill(child))
        end_like(os.waitpid(child, 0)[1])
    die_with_parent()
    raise_loopback()
    build_root(*(specification[name] for name in ("root", "readable", "hidden", "disk")))


class Ruleset(ctypes.Structure):
    """What landlock_create_ruleset(2) takes: what is forbidden, unless a rule allows it."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "ports", "scoped")]


class Beneath(ctypes.Structure):
    """What landlock_add_rule(2) takes: what is allowed with a file, or in a folder."""

    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("place", ctypes.c_int32)]


def keep_within(
    writable: list[str], readable: list[str], hidden: list[str], listed: list[str]
) -> None:
    """Forbid this process all files but these, and signals to all processes but its own.

    Raises OSError where the system has no Landlock, or one that knows no signals.
    """
    call = libc().syscall
    if call(CREATE_RULESET, None, 0, 1) < 6:
        raise OSError("Landlock of Linux 6.12 or later is needed")
    forbidden = Ruleset(EVERYTHING, 0, SOCKETS_AND_SIGNALS)
    rules = call(CREATE_RULESET, ctypes.byref(forbidden), ctypes.sizeof(forbidden), 0)
    must(rules, "landlock_create_ruleset")
    reading = EXECUTE | READ_FILE | READ_DIR
    devices = [f"/dev/{device}" for device in DEVICES]
    allowed = [(path, reading) for each in readable for path in but_for(each, hidden)]
    allowed += [(path, READ_FILE | WRITE_FILE) for path in devices]
    allowed += [("/proc", READ_FILE | READ_DIR), *((path, READ_DIR) for path in listed)]
    for path, rights in [*allowed, *((path, EVERYTHING) for path in writable)]:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights &= EVERYTHING if os.path.isdir(path) else EXECUTE | WRITE_FILE | READ_FILE
        rule = Beneath(rights, place)
        must(call(ADD_RULE, rules, 1, ctypes.byref(rule), 0), f"landlock_add_rule {path}")
        os.close(place)
    must(call(RESTRICT_SELF, rules, 0), "landlock_restrict_self")
    os.close(rules)


def but_for(path: str, hidden: list[str]) -> list[str]:
    """Return a folder, or, if folders in it are hidden, all that is beside them."""
    within = [each for each in hidden if os.path.commonpath([path, each]) == path]
    if not within:
        return [path]
    inside = [os.path.join(path, name) for name in os.listdir(path)]
    return [
        shown_path for each in inside if each not in within for shown_path in but_for(each, within)
    ]


def raise_loopback() -> None:
    """Let the processes of the box talk to each other over 127.0.0.1."""
    up_and_running = 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        fcntl.ioctl(end, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))


def die_with_parent() -> None:
    """Be killed when the process that started this one ends."""
    if sys.platform == "linux":
        libc().prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def become(user: int) -> None:
    """Be another user, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def set_limits(limits: dict[str, int]) -> None:
    """Set the limits of this process and all that it starts."""
    for name, value in {"CORE": 0, **limits}.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (value, value))


def room_for(processes: int) -> int:
    """Return the limit of processes for that many more than the user has: it counts them all."""
    user, there = os.getuid(), 0
    for pid in os.listdir("/proc") if os.path.isdir("/proc") else []:
        with contextlib.suppress(OSError):
            if pid.isdecimal() and os.stat(f"/proc/{pid}").st_uid == user:
                there += len(os.listdir(f"/proc/{pid}/task"))
    return processes + (there or 1000)  # 1000: a system that does not tell


def fork() -> int:
    """Fork; wait for that, if others of the same user have taken all processes that it may have."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def close_all_but_errors() -> None:
    """Close what the program has and this process does not need."""
    os.closerange(3, 256)


def kill(pid: int) -> None:
    """Kill a process, if it is still there."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def end_like(status: int) -> None:
    """End as a process with this status did."""
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def watch(child: int, memory: int, is_alone: bool) -> int:
    """Wait for the program; meanwhile kill what takes more memory than all of it together may."""
    due = 0.0
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            return status
        if time.monotonic() > due:
            began = time.monotonic()
            kill_the_largest(child, memory, is_alone)
            due = time.monotonic() + max(0.25, 10 * (time.monotonic() - began))
        if not ended:
            time.sleep(0.02)


def kill_the_largest(child: int, memory: int, is_alone: bool) -> None:
    """Kill the process that takes the most memory, if all together take too much."""
    pids = processes() if is_alone else descendants(os.getpid())
    if sum(pages(pid) for pid in pids) * resource.getpagesize() < memory:
        return  # pages that are shared count more than once, so the true sum is less
    sizes = {pid: own_memory(pid) for pid in pids}
    if sizes and sum(sizes.values()) > memory:
        kill(max(sizes, key=lambda pid: sizes[pid]))


def processes() -> list[int]:
    """Return all processes that can be seen but this one."""
    if not os.path.isdir("/proc"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and name != "1"]


def descendants(ancestor: int) -> list[int]:
    """Return the processes that descend from one."""
    parents = {pid: parent_of(pid) for pid in processes()}
    family = {ancestor}
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return sorted(family - {ancestor})


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def pages(pid: int) -> int:
    """Return the pages of memory that a process has."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def own_memory(pid: int) -> int:
    """Return the bytes that a process takes, with its share of those that it shares."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            lines = [line for line in file if line.startswith("Pss:")]
        return int(lines[0].split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0


def main() -> None:
    """Confine, start the program, and end as it ends."""
    specification = json.loads(sys.argv[1])
    kind = specification["kind"]
    die_with_parent()
    is_apart = kind in ("namespaces", "bubblewrap")
    if not is_apart:
        os.setsid()
    if kind in ("landlock", "limits"):
        specification["limits"]["NPROC"] = room_for(specification["limits"]["NPROC"])
    if kind == "namespaces":
        enter_namespaces(specification)
    if sys.platform == "linux":
        libc().prctl(SUBREAPER, 1)
        must(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")  # without the zeros: refused
    if specification["user"]:
        become(specification["user"])
    set_limits(specification["limits"])
    for folder in specification["folders"]:
        os.makedirs(folder, exist_ok=True)
    for target, source in specification["copies"].items():
        shutil.copyfile(source, target)
    os.chdir(specification["folder"])
    for link, target in specification["links"].items():
        os.symlink(target, link) if is_apart else shutil.copytree(target, link)
    child = os.fork()
    if child == 0:
        if kind == "landlock":
            keep_within(
                *(specification[name] for name in ("writable", "readable", "hidden", "listed"))
            )
        os.execve(specification["program"][0], specification["program"], specification["settings"])
    if sys.platform == "linux":
        libc().prctl(SET_DUMPABLE, 0)
    close_all_but_errors()
    is_alone = os.getpid() == 1
    signal.signal(signal.SIGTERM, lambda *_: end_all(child, is_alone))
    status = watch(child, specification["memory"], is_alone)
    end_all(0, is_alone, status)


def end_all(child: int, is_alone: bool, status: int = 0) -> None:
    """Kill what is left, and end."""
    if not is_alone:  # the first process of a namespace takes all others with it
        for pid in [*descendants(os.getpid()), *([child] if child else [])]:
            kill(pid)
    end_like(status)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(125)
