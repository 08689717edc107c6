nginx -p "$DATA" -c "$PWD/nginx.conf" -e stderr &
exec node crowd.js http://127.0.0.1:7110/
