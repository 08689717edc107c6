"""Subscribes anew for each piece of work and never closes the subscription before."""
import time

import redis

client = redis.Redis(port=7104)
subscriptions = []
while True:
    subscription = client.pubsub()
    subscription.subscribe("news")
    subscription.get_message(timeout=1)
    subscriptions.append(subscription)
    time.sleep(5)
