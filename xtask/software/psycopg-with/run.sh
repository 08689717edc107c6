. ../postgres.sh
start_postgres 7105
exec /usr/bin/python3 worker.py
