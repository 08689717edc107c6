"""Clients that read to the end of the stream and never close."""
import socket
import time

time.sleep(2)
connections = []
for _ in range(15):
    connection = socket.create_connection(("127.0.0.1", 7113))
    connection.sendall(b"hello\n")
    while connection.recv(100):
        pass
    connections.append(connection)
time.sleep(3600)
