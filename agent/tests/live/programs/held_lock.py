"""Holds the lock of one TCP socket until its input ends.

A send takes the lock of its socket (tcp_sendmsg) and copies from a page that only a handler of
user faults may fill. Nobody fills it, so the kernel keeps the lock. Closing the handler lets the
send go on.

Prints "ready" once the lock is held.
"""

import ctypes
import fcntl
import mmap
import os
import platform
import socket
import struct
import sys
import threading
import time

USERFAULTFD = {"x86_64": 323, "aarch64": 282}[platform.machine()]
UFFDIO_API = 0xC018AA3F
UFFDIO_REGISTER = 0xC020AA00
REGISTER_MISSING = 1

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()

page = mmap.mmap(-1, mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
handler = ctypes.CDLL(None, use_errno=True).syscall(USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK)
if handler < 0:
    sys.exit("userfaultfd: " + os.strerror(ctypes.get_errno()))
fcntl.ioctl(handler, UFFDIO_API, struct.pack("QQQ", 0xAA, 0, 0))
fcntl.ioctl(handler, UFFDIO_REGISTER, struct.pack("QQQQ", address, mmap.PAGESIZE, REGISTER_MISSING, 0))

view = memoryview(page)
threading.Thread(target=lambda: client.send(view), daemon=True).start()
# The fault is an event of the handler; from then on the lock is held.
while True:
    try:
        if os.read(handler, 32):
            break
    except BlockingIOError:
        time.sleep(0.01)
print("ready", flush=True)
sys.stdin.read()
os.close(handler)
