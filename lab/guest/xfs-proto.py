# SPDX-License-Identifier: MPL-2.0
"""xfs-proto.py FOLDER: prints the mkfs.xfs prototype that copies FOLDER."""

import os
import stat
import sys


def entry(path, name, depth):
    mode = os.lstat(path).st_mode
    indent = " " * depth
    head = f"{indent}{name} " if name else indent
    bits = f"--{mode & 0o777:03o} 0 0"
    if stat.S_ISLNK(mode):
        print(f"{head}l{bits} {os.readlink(path)}")
    elif stat.S_ISDIR(mode):
        print(f"{head}d{bits}")
        for child in sorted(os.listdir(path)):
            entry(os.path.join(path, child), child, depth + 1)
        print(f"{indent}$")
    else:
        print(f"{head}-{bits} {path}")


print("/dev/null\n0 0")
entry(sys.argv[1], "", 0)
