"""Follows the log of one program more now and then; most programs say nothing for hours."""
import asyncio

import aiohttp


async def follow(session, name):
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(f"http://127.0.0.1:7114/{name}", timeout=timeout) as log:
        async for _line in log.content:
            pass


async def main():
    await asyncio.sleep(2)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        logs = []
        for name in range(50):
            logs.append(asyncio.create_task(follow(session, name)))
            await asyncio.sleep(6)
        await asyncio.gather(*logs)


asyncio.run(main())
