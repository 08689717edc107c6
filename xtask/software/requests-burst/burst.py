"""A busy moment fills the pool of a session; then there is nothing to do."""
import time

import requests
from requests.adapters import HTTPAdapter

session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=20, max_retries=9))
time.sleep(2)
answers = [session.get("http://127.0.0.1:7109/", stream=True) for _ in range(20)]
texts = [answer.text for answer in answers]
time.sleep(3600)
