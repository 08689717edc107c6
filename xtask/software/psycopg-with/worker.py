"""Takes `with connection` for a close; it ends the transaction only."""
import time

import psycopg2

results = []
while True:
    connection = psycopg2.connect(host="127.0.0.1", port=7105, user="postgres", dbname="postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        results.append((connection, cursor.fetchone()))
    time.sleep(6)
