PYTHONDONTWRITEBYTECODE=1 gunicorn --workers 1 --timeout 3600 --bind 127.0.0.1:7106 \
    --worker-tmp-dir "$DATA" --log-level warning app:app &
exec /usr/bin/python3 clients.py
