"""Gateways that take wrongly what comes in: each a way in which real ones have been wrong, and one that is free."""

import asyncio
import json
import re
from dataclasses import replace
from urllib.parse import quote

from tests.app import resource_of
from tests.contract_runner.between import Call
from tests.contract_runner.fault import Answered, Fault

FHIR = "/FHIR/R4"


class Rewriting(Fault):
    """One that reads requests otherwise than they were written."""

    said, understood = b"", b""

    async def answer(self, asked: Call) -> Answered:
        return await self.ask(replace(asked, body=asked.body.replace(self.said, self.understood)))


class TakesAnyStatus(Rewriting):
    said, understood = (
        b'"status": "bogus", "intent": "order", "category"',
        b'"status": "active", "intent": "order", "category"',
    )


class TakesNumbersAsMoments(Rewriting):
    said, understood = b'"authoredOn": 20260112', b'"authoredOn": "1970-08-23"'


class KnowsNoCalendar(Rewriting):
    said, understood = b"1971-02-30", b"1971-03-02"


class ChecksNoDigit(Rewriting):
    said, understood = b"9992047180", b"9992047186"


class TakesRefusalForConsent(Rewriting):
    said, understood = b'"type": "deny"', b'"type": "permit"'


class LosesScripts(Rewriting):
    async def answer(self, asked: Call) -> Answered:
        body = asked.body.decode().encode("latin-1", "replace").decode("latin-1").encode()
        return await self.ask(replace(asked, body=body))


class OfTransactions(Fault):
    """One that is wrong in how it takes a transaction."""

    async def answer(self, asked: Call) -> Answered:
        if asked.method == "POST" and asked.path == FHIR and asked.body.startswith(b'{"resourceType": "Bundle"'):
            return await self.take(asked)
        return await self.ask(asked)

    async def take(self, asked: Call) -> Answered:
        raise NotImplementedError


class IgnoresModifiers(OfTransactions):
    async def take(self, asked: Call) -> Answered:
        if b"modifierExtension" not in asked.body:
            return await self.ask(asked)
        bundle = asked.json
        resource_of(bundle, "ServiceRequest").pop("modifierExtension", None)
        return await self.ask(asked.saying(bundle))


class KeepsTheLastOfTwo(OfTransactions):
    async def take(self, asked: Call) -> Answered:
        twice = asked.body.count(b"birthDate") > 1
        return await self.ask(asked.saying(asked.json) if twice and b'"1917' in asked.body else asked)


class RefersNobody(OfTransactions):
    async def take(self, asked: Call) -> Answered:
        bundle = asked.json
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "ServiceRequest":
                entry["resource"].setdefault("subject", {"reference": bundle["entry"][0]["fullUrl"]})
        return await self.ask(asked.saying(bundle) if b"ServiceRequest" in asked.body else asked)


class GuessesWhoIsMeant(OfTransactions):
    """The first person of the Bundle, whatever the references say."""

    async def take(self, asked: Call) -> Answered:
        bundle = asked.json
        first = {"reference": bundle["entry"][0]["fullUrl"]}
        for entry in bundle["entry"]:
            for element in {"subject", "for"} & entry["resource"].keys():
                entry["resource"][element] = first
        return await self.ask(asked.saying(bundle) if b"ServiceRequest" in asked.body else asked)


class KeepsHalf(OfTransactions):
    """What was refused is not there, but the Patient is, who was stored first."""

    async def take(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if answered.refuses and answered.status != 409 and b"client-id" in asked.body:
            person = resource_of(asked.json, "Patient")
            person = {name: person[name] for name in ("resourceType", "identifier", "birthDate")}
            await self.ask(asked.at("POST", f"{FHIR}/Patient", person, "application/fhir+json"))
        return answered


class Doubles(OfTransactions):
    """Keeps each repeat as another referral, under the same number."""

    async def answer(self, asked: Call) -> Answered:
        _, bar, number = asked.path.partition("identifier=https://northdale.example/rio/referral%7C")
        if bar and self.seen.get(number, 1) > 1:
            others = [
                quote(f"https://northdale.example/rio/referral|{number}-{n}") for n in range(2, self.seen[number] + 1)
            ]
            asked = replace(asked, path=",".join([asked.path, *others]))
        return await super().answer(asked)

    async def take(self, asked: Call) -> Answered:
        if b"ServiceRequest" not in asked.body:
            return await self.ask(asked)
        bundle = asked.json
        identifier = resource_of(bundle, "ServiceRequest")["identifier"][0]
        number = identifier["value"]
        turn = self.again(number)
        if turn > 1:
            identifier["value"] = f"{number}-{turn}"
            asked = replace(asked.saying(bundle), headers=asked.headers | {"x-request-id": ""})
            asked.headers.pop("x-request-id")
        answered = await self.ask(asked)
        self.over(number, answered)
        return answered

    def again(self, number: str) -> int:
        self.seen[number] = self.seen.get(number, 0) + 1
        return int(self.seen[number])

    def over(self, number: str, answered: Answered) -> None:
        """When it has been answered."""


class DoublesWhatComesAtOnce(Doubles):
    def again(self, number: str) -> int:
        under_way: set[str] = self.seen.setdefault("", set())
        if number in under_way:
            return super().again(number)
        under_way.add(number)
        self.seen.setdefault(number, 1)
        return 1

    def over(self, number: str, answered: Answered) -> None:
        self.seen[""].discard(number)


class FreeInItsWays(OfTransactions):
    """Nothing is wrong with it: it answers a repeat like the first, and says 403 where the gateway says 404."""

    async def answer(self, asked: Call) -> Answered:
        answered = await super().answer(asked)
        return (
            replace(answered, status=403)
            if answered.status == 404 and not re.search("Wombat|unheard-of", asked.path)
            else answered
        )

    async def take(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        number = str(resource_of(asked.json, "ServiceRequest")["identifier"]) if b"ServiceRequest" in asked.body else ""
        if answered.status == 409:
            while number not in self.seen:  # noqa: ASYNC110 - the first is under way still
                await asyncio.sleep(0.01)
            first: Answered = self.seen[number]
            return first
        self.seen[number] = answered
        return answered


class IgnoresIfMatch(Fault):
    async def answer(self, asked: Call) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name != "if-match"}
        return await self.ask(replace(asked, headers=headers))


class TakesAnyType(Fault):
    async def answer(self, asked: Call) -> Answered:
        headers = asked.headers
        if headers.get("content-type", "").startswith("text/plain"):
            headers = headers | {"content-type": "application/fhir+json"}
        return await self.ask(replace(asked, headers=headers))


class ReadsAnyVersion(Fault):
    async def answer(self, asked: Call) -> Answered:
        headers = {name: value.partition(";")[0] for name, value in asked.headers.items()}
        return await self.ask(replace(asked, headers=headers))


class FallsOverRubbish(Fault):
    async def answer(self, asked: Call) -> Answered:
        try:
            known = not asked.body or isinstance(json.loads(asked.body), dict)
        except ValueError:
            known = False
        answered = await self.ask(asked)
        return answered if known else replace(answered, status=500)


class MovesAnywhere(Fault):
    """It finds a way for each move, as some workflow engines do."""

    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if not asked.path.endswith("/transitions") or answered.status != 422 or asked.json["to"] != "allocated":
            return answered
        for status in ("received", "accepted"):
            said = asked.at("POST", asked.path, {"to": status, "by": "nobody"}, "application/json")
            await self.ask(said)
        return await self.ask(asked)


class SaysYesToEachWithdrawal(Fault):
    async def answer(self, asked: Call) -> Answered:
        if asked.method == "PUT" and b'"revoked"' in asked.body:
            return await self.ask(asked.at("GET", asked.path))
        return await self.ask(asked)


class DropsTheAbort(Fault):
    async def answer(self, asked: Call) -> Answered:
        if asked.method == "POST" and asked.path == f"{FHIR}/Task":
            return Answered(201, {"content-type": "application/fhir+json"}, asked.body)
        return await self.ask(asked)


class StoresWhatItValidates(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if asked.path == f"{FHIR}/Bundle/$validate":
            stored = replace(asked, path=FHIR)
            await self.ask(stored)
        return answered


class ChokesOnLargeBodies(Fault):
    async def answer(self, asked: Call) -> Answered:
        if len(asked.body) > 1_000_000:
            return Answered(503, {"content-type": "text/html"}, b"<html>Bad gateway</html>")
        return await self.ask(asked)
