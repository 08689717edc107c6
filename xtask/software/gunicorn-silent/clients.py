"""One client connects and says nothing; the others ask and wait."""
import socket
import time

connections = []
while not connections:
    try:
        connections.append(socket.create_connection(("127.0.0.1", 7106)))
    except ConnectionRefusedError:
        time.sleep(0.2)
time.sleep(2)
for _ in range(12):
    connection = socket.create_connection(("127.0.0.1", 7106))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    connections.append(connection)
time.sleep(3600)
