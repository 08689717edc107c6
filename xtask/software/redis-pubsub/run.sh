redis-server --port 7104 --bind 127.0.0.1 --save '' --appendonly no --dir "$DATA" >/dev/null &
until redis-cli -p 7104 ping >/dev/null 2>&1; do sleep 0.2; done
exec /usr/bin/python3 subscriber.py
