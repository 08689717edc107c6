"""Makes a process `fault` (its next instruction is where no memory is), or `spin` (it is a jump to
itself): PID and which."""

import ctypes
import os
import sys

from inject import ALL, ATTACH, DETACH, GETREGS, RIP, SETREGS, trace

pid = int(sys.argv[1])
registers = (ctypes.c_ulonglong * 27)()
trace(ATTACH, pid)
os.waitpid(pid, ALL)
trace(GETREGS, pid, registers)
if sys.argv[2] == "spin":
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(registers[RIP])
        memory.write(b"\xeb\xfe")
else:
    registers[RIP] = 1
trace(SETREGS, pid, registers)
trace(DETACH, pid)
