"""A real Postfix of our own, in a folder of its own: its programs only must be installed."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.live_hosts import eventually
from tests.helpers.programs import folder_for_others, found, free_port, listens

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
maillog_file = {at}/log
maillog_file_prefixes = {at}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = real.arpa
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
local_recipient_maps =
alias_maps =
smtpd_recipient_restrictions = permit_mynetworks, reject
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def can_run() -> bool:
    """Whether Postfix is installed, and we may start it."""
    return found("postfix") is not None and os.geteuid() == 0


@contextmanager
def running_postfix(more: str = "", domains: str = "real.arpa") -> Iterator[tuple[int, Path]]:
    """Run a Postfix on a port of its own, with a mail drop; yield the port, and its folder.

    ``more`` are settings that its main.cf has besides, ``domains`` those whose mail it keeps. Skips
    the test where it cannot run.
    """
    program = found("postfix")
    if program is None or not can_run():
        pytest.skip("Postfix is not installed (Debian: postfix), or we are not root to start it")
    with folder_for_others() as at:
        owner = _folders(at)
        # another program may take the port first; on a busy machine Postfix gives up after a while
        for _ in range(3):
            port = free_port()
            _configure(at, owner, port, domains, more)
            start = [program, "-c", str(at / "conf"), "start"]
            started = subprocess.run(start, capture_output=True)
            if started.returncode == 0:
                break
        assert started.returncode == 0, started.stderr
        try:
            assert eventually(lambda: listens(port))
            yield port, at
        finally:
            stop = [program, "-c", str(at / "conf"), "stop"]
            subprocess.run(stop, check=False, capture_output=True)


def _folders(at: Path) -> pwd.struct_passwd:
    """Make the folders of a Postfix; return the user that owns its data."""
    owner = pwd.getpwnam("postfix")
    for name in ("conf", "queue", "data", "mail"):
        (at / name).mkdir()
    for name in ("data", "mail"):
        os.chown(at / name, owner.pw_uid, owner.pw_gid)
    return owner


def _configure(at: Path, owner: pwd.struct_passwd, port: int, domains: str, more: str) -> None:
    """Write the two files of settings."""
    uid, gid = owner.pw_uid, owner.pw_gid
    settings = MAIN_CF.format(at=at, domains=domains, uid=uid, gid=gid)
    (at / "conf/main.cf").write_text(settings + more)
    (at / "conf/master.cf").write_text(MASTER_CF.format(port=port))
