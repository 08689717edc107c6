"""Cuts the BPF links of a process from outside, as far as the kernel allows it.

First it asks the kernel to detach each link, and prints how that ended: `detach NAME ERRNO`, a line
each, 0 for success. Then it closes the first link inside the process, as every process can that may
trace it: it makes the process call close(2). Prints `closed NAME`.
"""

import ctypes
import os
import re
import struct
import sys

from inject import call, libc

LINK_GET_FD_BY_ID, LINK_DETACH = 30, 34
SYS_BPF, SYS_CLOSE = 321, 3


def bpf(command, *words):
    attributes = struct.pack("III", *words, *[0] * (3 - len(words)))
    done = libc.syscall(SYS_BPF, command, attributes, len(attributes))
    return done if done >= 0 else -ctypes.get_errno()


def links(pid):
    """Descriptor, id and tracepoint of each link."""
    for name in sorted(os.listdir(f"/proc/{pid}/fdinfo"), key=int):
        with open(f"/proc/{pid}/fdinfo/{name}") as file:
            text = file.read()
        number = re.search(r"^link_id:\s*(\d+)$", text, re.M)
        hook = re.search(r"^tp_name:\s*(\S+)$", text, re.M)
        if number:
            yield int(name), int(number[1]), hook[1] if hook else "?"


pid = int(sys.argv[1])
found = list(links(pid))
for _, number, hook in found:
    link = bpf(LINK_GET_FD_BY_ID, number)
    if link < 0:
        sys.exit(f"link {number}: {os.strerror(-link)}")
    done = bpf(LINK_DETACH, link)
    print("detach", hook, -done, flush=True)
    os.close(link)
descriptor, _, hook = found[0]
if call(pid, SYS_CLOSE, descriptor) < 0:
    sys.exit(f"close {hook}: refused")
print("closed", hook, flush=True)
