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

LINK_GET_FD_BY_ID, LINK_DETACH = 30, 34
SYS_BPF, SYS_CLOSE = 321, 3
ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
# struct user_regs_struct of x86_64: 27 words.
RAX, RDI, ORIG_RAX, RIP = 10, 14, 15, 16
SYSCALL = b"\x0f\x05"
ALL = 0x40000000  # __WALL

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


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


def trace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        sys.exit(f"ptrace {request}: {os.strerror(ctypes.get_errno())}")


def stop_in_call(pid):
    """Stops it inside a system call, and returns its registers."""
    registers = (ctypes.c_ulonglong * 27)()
    while True:
        trace(ATTACH, pid)
        os.waitpid(pid, ALL)
        trace(GETREGS, pid, registers)
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(registers[RIP] - 2)
            if memory.read(2) == SYSCALL:
                return registers
        trace(DETACH, pid)


def close_in(pid, descriptor):
    before, registers = stop_in_call(pid), (ctypes.c_ulonglong * 27)()
    ctypes.memmove(registers, before, ctypes.sizeof(before))
    # The instruction is the two bytes before.
    registers[RIP] -= 2
    registers[RAX], registers[RDI], registers[ORIG_RAX] = SYS_CLOSE, descriptor, 2**64 - 1
    trace(SETREGS, pid, registers)
    trace(SINGLESTEP, pid)
    os.waitpid(pid, ALL)
    trace(SETREGS, pid, before)
    trace(DETACH, pid)


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
close_in(pid, descriptor)
print("closed", hook, flush=True)
