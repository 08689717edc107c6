mkdir "$DATA/html"
head -c 2000000 /dev/zero >"$DATA/html/file"
nginx -p "$DATA" -c "$PWD/nginx.conf" -e stderr &
exec node probe.js http://127.0.0.1:7103/file
