"""Makes another process of x86-64 call into the kernel, as every process can that may trace it."""

import ctypes
import os
import sys

ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
# struct user_regs_struct of x86_64: 27 words.
RAX, ORIG_RAX, RIP = 10, 15, 16
# rdi, rsi, rdx, r10, r8, r9
ARGUMENTS = 14, 13, 12, 7, 9, 8
SYSCALL = b"\x0f\x05"
ALL = 0x40000000  # __WALL

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


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


def call(pid, number, *arguments):
    """Makes it call, and returns what the kernel answered: a negative error number, or a result."""
    before, registers = stop_in_call(pid), (ctypes.c_ulonglong * 27)()
    ctypes.memmove(registers, before, ctypes.sizeof(before))
    # The instruction is the two bytes before.
    registers[RIP] -= 2
    registers[RAX], registers[ORIG_RAX] = number, 2**64 - 1
    for register, argument in zip(ARGUMENTS, arguments):
        registers[register] = argument
    trace(SETREGS, pid, registers)
    trace(SINGLESTEP, pid)
    os.waitpid(pid, ALL)
    trace(GETREGS, pid, registers)
    trace(SETREGS, pid, before)
    trace(DETACH, pid)
    return ctypes.c_longlong(registers[RAX]).value
