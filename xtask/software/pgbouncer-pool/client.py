"""A small pool in steady use before a larger one that is hardly used."""
import time

import psycopg2
import psycopg2.pool

time.sleep(2)
pool = psycopg2.pool.ThreadedConnectionPool(
    5, 5, host="127.0.0.1", port=7112, user="postgres", dbname="postgres"
)
while True:
    connection = pool.getconn()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT now()")
    pool.putconn(connection)
    time.sleep(1)
