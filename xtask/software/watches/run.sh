/usr/bin/python3 server.py &
exec /usr/bin/python3 client.py
