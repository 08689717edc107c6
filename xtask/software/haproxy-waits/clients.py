"""Clients that ask, lose patience and go."""
import socket
import time


def ask():
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", 7107))
        except ConnectionRefusedError:
            time.sleep(0.2)
            continue
        connection.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        return connection


time.sleep(2)
connections = [ask() for _ in range(20)]
time.sleep(5)
for connection in connections:
    connection.close()
time.sleep(3600)
