"""Reads each request and never answers."""
import asyncio


async def serve(reader, _writer):
    while await reader.read(4096):
        pass


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 7127)
    await server.serve_forever()


asyncio.run(main())
