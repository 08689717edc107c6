. ../postgres.sh
start_postgres 7132
setpriv --reuid postgres --regid postgres --init-groups pgbouncer --quiet pgbouncer.ini &
exec /usr/bin/python3 client.py
