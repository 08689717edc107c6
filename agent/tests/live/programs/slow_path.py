"""A path that takes its time: what enters at one TUN device leaves at the other a while later, in order.

    slow_path.py SECONDS

Makes the devices "slow0" and "slow1" in its network namespace, prints "ready", and relays between them, wherever they are moved
to, until its input ends. Prints "lost COUNT" then: packets for which a device had no room.
"""

import collections
import fcntl
import gc
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET = 1 << 16


def device(name):
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


def take(end, waiting, delay):
    """Takes what has come and notes when it is due."""
    while True:
        try:
            packet = os.read(end, PACKET)
        except OSError:
            return
        waiting.append((time.monotonic() + delay, packet))


def give(end, waiting):
    """Passes on what is due; returns how much of it was lost."""
    lost = 0
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        try:
            os.write(end, waiting.popleft()[1])
        except OSError:
            lost += 1
    return lost


def main():
    delay = float(sys.argv[1])
    # Nothing here has cycles, and a collection would hold packets up.
    gc.disable()
    ends = [device("slow0"), device("slow1")]
    queues = [collections.deque(), collections.deque()]
    os.write(1, b"ready\n")
    poll = select.poll()
    for end in [0, *ends]:
        poll.register(end, select.POLLIN)
    lost = 0
    while True:
        due = min((queue[0][0] for queue in queues if queue), default=time.monotonic() + 1)
        ready = dict(poll.poll(max(0, due - time.monotonic()) * 1000))
        if 0 in ready:
            break
        for number in range(2):
            if ends[number] in ready:
                take(ends[number], queues[number], delay)
            lost += give(ends[1 - number], queues[number])
    os.write(1, f"lost {lost}\n".encode())


main()
