"""A server that leaks: it accepts twenty connections, reads each to its end and closes none."""

import socket
import time

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(64)
clients = [socket.create_connection(server.getsockname()) for _ in range(20)]
leaked = [server.accept()[0] for _ in clients]
for client, connection in zip(clients, leaked):
    client.sendall(b"order")
    client.close()
    while connection.recv(64):
        pass
print("ready", flush=True)
time.sleep(3600)
