"""Programs that leak connections in the ways that scripting runtimes do.

    leaky.py WAY NAME COUNT [ADDRESS PORT]

Servers listen on a free port of 127.0.0.1 (or of ADDRESS), print "port PORT" and take COUNT connections; clients connect to
ADDRESS PORT. Each leaks them, prints "held by PID" for every process that holds some, then "ready", and ends when its input does.
"""

import os
import resource
import socket
import sys


def name(text):
    with open("/proc/self/comm", "w") as comm:
        comm.write(text[:15])


def say(line):
    # In one write, so that lines of several processes do not mix.
    os.write(1, f"{line}\n".encode())


def wait_for_end(held):
    say(f"held by {os.getpid()}")
    say("ready")
    sys.stdin.buffer.read()
    return held


def listen(backlog=512, address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen(backlog)
    say(f"port {listener.getsockname()[1]}")
    return listener


def take(listener, count):
    return [listener.accept()[0] for _ in range(count)]


def connect(address, port):
    stream = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    stream.connect((address, int(port)))
    return stream


def never_accepts(count, *address):
    """Connections wait in the accept queue for ever."""
    wait_for_end(listen(count, *address))


def unread(count, *address):
    """Accepts and never reads: the peer's data and its FIN lie in the receive queue."""
    listener = listen(count, *address)
    wait_for_end((listener, take(listener, count)))


def read(count, *address):
    """Reads to the end of the stream and never closes: the plain descriptor leak."""
    listener = listen(count, *address)
    streams = take(listener, count)
    for stream in streams:
        while stream.recv(4096):
            pass
    wait_for_end((listener, streams))


def shut(count, address, port):
    """A client that shuts its sending side down and forgets the connection."""
    streams = [connect(address, port) for _ in range(count)]
    for stream in streams:
        stream.shutdown(socket.SHUT_WR)
    wait_for_end(streams)


def open_(count, *address):
    """Accepts and keeps what its clients keep, which is no leak."""
    listener = listen(count, *address)
    wait_for_end((listener, take(listener, count)))


def idle(count, address, port):
    """A client that keeps connections open, which is no leak."""
    wait_for_end([connect(address, port) for _ in range(count)])


def black_hole(count, address, port):
    """Connects that nobody answers."""
    streams = []
    for _ in range(count):
        stream = socket.socket()
        stream.setblocking(False)
        stream.connect_ex((address, int(port)))
        streams.append(stream)
    wait_for_end(streams)


def prefork(count, *address):
    """A master that listens, and two workers that accept, as prefork servers do."""
    listener = listen(count, *address)
    base = open("/proc/self/comm").read().strip()
    ends = []
    for worker in range(2):
        reading, writing = os.pipe()
        if os.fork() == 0:
            name(f"{base}-{worker}")
            streams = []
            for number in range(count):
                if number % 2 == worker:
                    # The workers take turns, so that each gets its share.
                    streams.append(listener.accept()[0])
                    while streams[-1].recv(4096):
                        pass
            say(f"held by {os.getpid()}")
            os.write(writing, b"x")
            sys.stdin.buffer.read()
            os._exit(0)
        ends.append(reading)
    for end in ends:
        os.read(end, 1)
    say("ready")
    sys.stdin.buffer.read()


def descriptors(count, *address):
    """Runs into its limit of descriptors: accepts until nothing is left."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    listener = listen(512, *address)
    streams = []
    try:
        while True:
            stream = listener.accept()[0]
            while stream.recv(4096):
                pass
            streams.append(stream)
    except OSError:
        pass
    say(f"took {len(streams)}")
    wait_for_end((listener, streams))


def stops_accepting(count, *address):
    """Listens with a backlog of COUNT and does not accept."""
    wait_for_end(listen(count, *address))


def all_ports(count, address, port):
    """Opens connections to one destination until no local port is left."""
    streams = []
    try:
        while len(streams) < count:
            streams.append(connect(address, port))
    except OSError as error:
        say(f"stopped by {error.errno}")
    wait_for_end(streams)


def main():
    way, base, count, *rest = sys.argv[1:]
    ways = [never_accepts, unread, read, shut, open_, idle, black_hole, prefork, descriptors, stops_accepting, all_ports]
    name(base)
    {function.__name__.rstrip("_"): function for function in ways}[way](int(count), *rest)


main()
