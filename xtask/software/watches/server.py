"""Answers a watch when something changes, which never happens, or after its time."""
import asyncio

from aiohttp import web


async def watch(request):
    await asyncio.sleep(float(request.query["wait"]))
    return web.Response(text="unchanged")


app = web.Application()
app.router.add_get("/watch", watch)
web.run_app(app, host="127.0.0.1", port=7111, print=None, access_log=None)
