"""Rubbish over MLLP: each block gets AE or AR, or the connection ends; nothing crashes, hangs or is half stored."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

from tests.hl7v2.conftest import MARGARET, Engine, Listen, Trust, code, example, faults, message, pid

from adapters.hl7v2.listener import Limits
from gateway.store.schema import message as stored_message
from gateway.store.schema import resource
from gateway.validation import check, parse
from mappings.hl7v2.message import read

CASES = int(os.environ.get("GATEWAY_FUZZ_CASES", "150"))
SEED = 20260302
NASTY = [
    *(
        "",
        '""',
        "|",
        "^",
        "~",
        "&",
        "\\",
        "\\X00\\",
        "\\.sp9999999999\\",
        "\x00",
        "\r",
        "\n",
        "\x7f",
        "\ufeff",
        "\u202e",
    ),
    *("🙂", "a" * 3000, "^" * 400, "~" * 400, "&" * 400, "|" * 400, "0" * 40, "-1", "99999999", "20260230", "NaN"),
    *("'; DROP TABLE person; --", "<script>", "${jndi:ldap://x}", "../../etc/passwd"),
]
LONGEST = Limits(block_bytes=100_000, block_seconds=60, idle_seconds=60)


def seeds() -> list[str]:
    texts = [example(folder) for folder in ("admitted", "death", "merged", "new-address", "referred", "referred-least")]
    return [*texts, message("ADT^A37", pid(), "PID|2||0098765^^^RIO"), message("ADT^A03", pid(), "PV1|1|I")]


def spoilt(chance: random.Random) -> Iterator[bytes]:
    """Messages with a mistake or several: fields replaced, segments moved or gone, bytes changed, or only noise."""
    for number in range(CASES):
        lines = [line.split("|") for line in chance.choice(seeds()).splitlines()]
        for _ in range(chance.randint(1, 4)):
            line = chance.choice(lines[1:] if len(lines) > 1 and chance.random() < 0.9 else lines)
            match chance.randint(0, 6):
                case 0 | 1 | 2:
                    line[chance.randrange(len(line))] = chance.choice(NASTY)
                case 3:
                    parts = line[-1].split("^")
                    parts[chance.randrange(len(parts))] = chance.choice(NASTY)
                    line[-1] = "^".join(parts)
                case 4:
                    lines.remove(line)
                case 5:
                    lines.insert(
                        chance.randint(min(1, len(lines)), len(lines)), list(chance.choice(lines[1:] or lines))
                    )
                case 6:
                    lines[1:] = chance.sample(lines[1:], len(lines) - 1)
            if not lines:
                break
        block = "\r".join("|".join(line) for line in lines).replace("RIO000000000", f"{number}-").encode()
        if block and chance.random() < 0.1:
            cut = bytearray(block)
            for _ in range(3):
                cut[chance.randrange(len(cut))] = chance.randrange(256)
            block = bytes(cut)
        yield block if chance.random() < 0.97 else chance.randbytes(chance.randint(0, 500))


async def heard(engine: Engine, block: bytes) -> str | None:
    """The acknowledgement; None when the connection ended."""
    engine.writer.write(b"\x0b" + block + b"\x1c\r")
    try:
        ack = read(await engine.answer())
    except (EOFError, ConnectionError):
        return None
    assert not any(" 207" in one for one in faults(ack)), block
    return code(ack)


async def test_rubbish_is_refused_or_survived(listen: Listen) -> None:
    trust: Trust = await listen(LONGEST)
    await trust.refer(*MARGARET)
    chance = random.Random(SEED)
    engine = await trust.connect()
    counted: Counter[str | None] = Counter()
    for block in spoilt(chance):
        found = await heard(engine, block)
        counted[found] += 1
        if found is None or b"\x1c" in block or b"\x0b" in block:
            engine.writer.close()
            engine = await trust.connect()
    print(dict(counted))
    assert min(counted["AA"], counted["AE"], counted["AR"]) > CASES / 50
    assert counted[None] < CASES / 10
    async with trust.running.store.reading() as connection:
        kept = [*(await connection.execute(resource.select())), *(await connection.execute(stored_message.select()))]
    contents = [parse((row.content if hasattr(row, "content") else row.body).encode()) for row in kept]
    assert [issue for content in contents for issue in check(content)] == []
    last = message("ADT^A31", pid()).replace("20260302", "20261101")  # later than all before
    assert code(await trust.send(last)) == "AA"


async def test_costly_messages_cost_little(listen: Listen) -> None:
    """Within the limits of the separators and the length: no message holds the others up."""
    trust: Trust = await listen()
    for filling in ("|", "~", "^", "&", "a&", "\\", "\\.sp99\\", "\r", "\rPID|1", "\rNTE|1||x"):
        body = (filling * 1_000_000)[:900_000]
        started = time.process_time()
        ack = await trust.send(message("ADT^A31", pid() + "|" + body).encode())
        assert code(ack) in {"AA", "AE", "AR"}
        assert time.process_time() - started < 5
