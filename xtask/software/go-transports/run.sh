nginx -p "$DATA" -c "$PWD/nginx.conf" -e stderr &
exec "$DATA/go-fetcher" http://127.0.0.1:7101/
