"""A test EPR that counts effects: it keeps each Task version once, on disk before it answers, and answers badly.

`python -m crash.epr PORT FILE SEED PART` where PART is the part of requests (0 to 1) that meet a fault. A line of FILE
is `task version webhook-id`, in the order of effects; FILE.seen has a line for each fault and each repeat.
Deduplication by webhook-id, as Standard Webhooks asks of receivers; what else comes twice, or out of order, is kept as
the effect that it would be.
"""

import asyncio
import json
import os
import random
import sys
from pathlib import Path

import uvloop

FAULTS = ("refused", "dropped", "stored and refused", "stored and dropped", "stored, then silent")
SILENCE = 1.3  # seconds: longer than the gateway waits here
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOT_HELD = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Epr:
    def __init__(self, file: Path, seed: int, part: float) -> None:
        written = file.read_bytes() if file.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]  # a kill may have cut the last line: it was not answered
        lines = [line.decode().split() for line in whole.splitlines()]
        self.known = {webhook_id for _, _, webhook_id in lines}
        self.held = {task: version for task, version, _ in lines}
        self.file = file.open("r+b" if file.exists() else "w+b")
        self.file.truncate(len(whole))
        self.file.seek(len(whole))
        self.seen = file.with_name(file.name + ".seen").open("ab", buffering=0)
        self.chance = random.Random(seed)
        self.part = part

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if head[0].startswith("GET"):
                    writer.write(self.tell(head[0].split()[1]))
                elif not await self.answer(writer, body, headers["webhook-id"]):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def tell(self, path: str) -> bytes:
        """The Task as it is held; other addresses say that the EPR is up."""
        if "/Task/" not in path:
            return OK
        task = path.rpartition("/")[2]
        if task not in self.held:
            return NOT_HELD
        body = json.dumps({"resourceType": "Task", "id": task, "meta": {"versionId": self.held[task]}}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def answer(self, writer: asyncio.StreamWriter, body: bytes, webhook_id: str) -> bool:
        """Whether the connection goes on."""
        fault = self.chance.choice(FAULTS) if self.chance.random() < self.part else ""
        if fault:
            self.seen.write(f"{fault}\n".encode())
        if not fault or fault.startswith("stored"):
            self.keep(json.loads(body), webhook_id)
        if fault.endswith("silent"):
            await asyncio.sleep(SILENCE)
        if fault.endswith("dropped"):
            return False
        writer.write(REFUSED if fault.endswith("refused") else OK)
        return True

    def keep(self, task: dict[str, object], webhook_id: str) -> None:
        if webhook_id in self.known:
            self.seen.write(b"repeat\n")
            return
        version = task["meta"]["versionId"]  # type: ignore[index]
        self.file.write(f"{task['id']} {version} {webhook_id}\n".encode())
        self.file.flush()
        os.fdatasync(self.file.fileno())
        self.known.add(webhook_id)
        self.held[str(task["id"])] = str(version)


async def main(port: int, file: Path, seed: int, part: float) -> None:
    hosts = os.environ.get("CRASH_EPR_HOSTS", "127.0.0.1").split()
    await asyncio.start_server(Epr(file, seed, part).talk, hosts, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
