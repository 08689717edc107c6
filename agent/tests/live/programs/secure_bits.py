"""Prints the secure bits of a process, which only it can read (`prctl(PR_GET_SECUREBITS)`)."""

import sys

from inject import call

print(call(int(sys.argv[1]), 157, 27))
