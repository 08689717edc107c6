/usr/bin/python3 backend.py &
haproxy -db -f haproxy.cfg &
exec /usr/bin/python3 clients.py
