"""A folder in which OpenSMTPD runs by chroot, without being installed beside Postfix.

``apt-get download opensmtpd``, then ``python -m tests.helpers.opensmtpd_root FILE.deb FOLDER`` as
root. The program needs root even so: it listens, and gives its parts to users of their own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PASSWD: Final = """root:x:0:0::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
opensmtpd:x:301:301::/var/lib/opensmtpd/empty:/bin/sh
opensmtpq:x:302:302::/var/lib/opensmtpd/empty:/bin/sh
"""
GROUP: Final = "root:x:0:\nnogroup:x:65534:\nopensmtpd:x:301:\nopensmtpq:x:302:\n"
FOLDERS: Final = (
    "bin",
    "dev",
    "tmp",
    "run",
    "var/run",
    "var/spool/smtpd",
    "var/lib/opensmtpd/empty",
)


def main(package: str, folder: str) -> None:
    root = Path(folder)
    subprocess.run(["dpkg", "-x", package, folder], check=True)
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "var/spool/smtpd").chmod(0o711)
    shutil.copy("/bin/sh", root / "bin/sh")
    programs = [
        root / "usr/sbin/smtpd",
        *(root / "usr/libexec/opensmtpd").iterdir(),
        Path("/bin/sh"),
    ]
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout
    for library in set(re.findall(r"(/lib\S+) \(", listed)):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    etc = {"passwd": PASSWD, "group": GROUP, "mailname": "real.arpa\n", "resolv.conf": "",
           "hosts": "127.0.0.1 localhost\n",
           "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n"}  # fmt: skip
    for name, text in etc.items():
        (root / "etc" / name).write_text(text)
    for name, minor in (("null", "3"), ("urandom", "9")):
        device = str(root / "dev" / name)
        subprocess.run(["mknod", "-m", "666", device, "c", "1", minor], check=False)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.helpers.opensmtpd_root FILE.deb FOLDER")
    main(*sys.argv[1:])
