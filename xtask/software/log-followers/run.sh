node server.js &
exec /usr/bin/python3 follower.py
