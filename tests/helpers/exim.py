"""Exim as a receiver-SMTP on stdin and stdout, from Debian's packages without installing them.

``apt-get download exim4-daemon-light libgnutls-dane0 libidn12 libnsl2 libunbound8``, then
``dpkg -x`` each into one folder, which ``EXIM`` names. It needs root and bubblewrap: Exim gives up
its rights to a user of its own, who is only in the /etc/passwd that it is shown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.helpers.programs import found

USER: Final = 301
"""The number of the user that the package would make."""
CONFIGURATION: Final = """
primary_hostname = beta.arpa
domainlist local_domains = beta.arpa
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
exim_path = {program}
keep_environment = LD_LIBRARY_PATH
acl_smtp_rcpt = known
acl_smtp_vrfy = accept
smtp_accept_max_nonmail = 1000
smtp_max_synprot_errors = 1000
smtp_max_unknown_commands = 1000
begin acl
known:
  require verify = recipient
  accept
begin routers
mine:
  driver = accept
  domains = +local_domains
  local_parts = jones : brown
  transport = drop
begin transports
drop:
  driver = appendfile
  maildir_format
  directory = {folder}/mail
  user = Debian-exim
"""
TO: Final = ("Jones@BETA.ARPA", "Brown@BETA.ARPA")


def unpacked() -> Path | None:
    """The folder with the packages, if there is one and Exim can run here."""
    root = Path(os.environ.get("EXIM", "/nonexistent"))
    is_there = (root / "usr/sbin/exim4").exists() and found("bwrap") is not None
    return root.resolve() if is_there and os.geteuid() == 0 else None


def prepared(root: Path, folder: Path) -> list[str]:
    """The command of Exim, whose spool, log and mail are in a folder."""
    for name in ("spool", "log", "mail"):
        (folder / name).mkdir()
        os.chown(folder / name, USER, USER)
    folder.chmod(0o755)
    program = root / "usr/sbin/exim4"
    text = CONFIGURATION.format(folder=folder, program=program)
    (folder / "exim.conf").write_text(text, encoding="utf-8")
    hides = []
    for name, more in (("passwd", f"Debian-exim:x:{USER}:{USER}::/:/bin/false\n"),
                       ("group", f"Debian-exim:x:{USER}:\n")):  # fmt: skip
        real = Path("/etc", name).read_text(encoding="utf-8")
        (folder / name).write_text(real + more, encoding="utf-8")
        hides += ["--ro-bind", str(folder / name), f"/etc/{name}"]
    return [
        "bwrap", "--dev-bind", "/", "/", *hides, "env",
        f"LD_LIBRARY_PATH={root}/usr/lib/x86_64-linux-gnu", str(program),
        "-C", str(folder / "exim.conf"), "-odi", "-bs",
    ]  # fmt: skip
