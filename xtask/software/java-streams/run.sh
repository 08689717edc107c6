nginx -p "$DATA" -c "$PWD/nginx.conf" -e stderr &
exec java -Xmx128m StatusProbe.java http://127.0.0.1:7102/
