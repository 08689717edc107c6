"""Clients without a time-out, whose server falls silent: no RST comes, only silence."""
import subprocess
import threading
import time

import redis

clients = [redis.Redis(port=7108) for _ in range(6)]
for _ in range(20):
    for client in clients:
        client.set("key", "value")
    time.sleep(1)
for line in (
    "add table inet path",
    "add chain inet path into { type filter hook input priority 0; }",
    "add rule inet path into tcp dport 7108 drop",
):
    subprocess.run(["nft", line], check=True)
for client in clients:
    threading.Thread(target=client.set, args=("key", "value"), daemon=True).start()
time.sleep(3600)
