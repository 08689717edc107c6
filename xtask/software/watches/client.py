"""Watches one key more now and then: each watch blocks for a minute and is asked again at once."""
import asyncio

import aiohttp


async def watch(session, key):
    while True:
        url = f"http://127.0.0.1:7111/watch?key={key}&wait=60"
        async with session.get(url) as answer:
            await answer.text()


async def main():
    await asyncio.sleep(4)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        watches = []
        for key in range(50):
            watches.append(asyncio.create_task(watch(session, key)))
            await asyncio.sleep(6)
        await asyncio.gather(*watches)


asyncio.run(main())
