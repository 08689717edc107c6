nginx -p "$DATA" -c "$PWD/nginx.conf" -e stderr &
exec /usr/bin/python3 burst.py
