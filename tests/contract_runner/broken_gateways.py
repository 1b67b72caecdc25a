"""Gateways with one thing wrong: each a way in which real ones have been wrong."""

import asyncio
import json
import re
from dataclasses import replace
from urllib.parse import quote

from starlette.types import Scope
from tests.app import resource_of
from tests.contract_runner.fault import Answered, Asked, Fault, Json

FHIR = "/FHIR/R4"
TASK = re.compile(rf"{FHIR}/Task/[^/?]+")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}


class Rewriting(Fault):
    """One that reads requests otherwise than they were written."""

    said, understood = b"", b""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        return await self.ask(replace(asked, body=asked.body.replace(self.said, self.understood)), scope)


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
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        body = asked.body.decode().encode("latin-1", "replace").decode("latin-1").encode()
        return await self.ask(replace(asked, body=body), scope)


class OfTransactions(Fault):
    """One that is wrong in how it takes a transaction."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        if asked.method == "POST" and asked.path == FHIR and asked.body.startswith(b'{"resourceType": "Bundle"'):
            return await self.take(asked, scope)
        return await self.ask(asked, scope)

    async def take(self, asked: Asked, scope: Scope) -> Answered:
        raise NotImplementedError


class IgnoresModifiers(OfTransactions):
    async def take(self, asked: Asked, scope: Scope) -> Answered:
        if b"modifierExtension" not in asked.body:
            return await self.ask(asked, scope)
        bundle = asked.json
        resource_of(bundle, "ServiceRequest").pop("modifierExtension", None)
        return await self.ask(asked.saying(bundle), scope)


class KeepsTheLastOfTwo(OfTransactions):
    async def take(self, asked: Asked, scope: Scope) -> Answered:
        twice = asked.body.count(b"birthDate") > 1
        return await self.ask(asked.saying(asked.json) if twice and b"1917" in asked.body else asked, scope)


class RefersNobody(OfTransactions):
    async def take(self, asked: Asked, scope: Scope) -> Answered:
        bundle = asked.json
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "ServiceRequest":
                entry["resource"].setdefault("subject", {"reference": bundle["entry"][0]["fullUrl"]})
        return await self.ask(asked.saying(bundle) if b"ServiceRequest" in asked.body else asked, scope)


class GuessesWhoIsMeant(OfTransactions):
    """The first person of the Bundle, whatever the references say."""

    async def take(self, asked: Asked, scope: Scope) -> Answered:
        bundle = asked.json
        first = {"reference": bundle["entry"][0]["fullUrl"]}
        for entry in bundle["entry"]:
            for element in {"subject", "for"} & entry["resource"].keys():
                entry["resource"][element] = first
        return await self.ask(asked.saying(bundle) if b"ServiceRequest" in asked.body else asked, scope)


class KeepsHalf(OfTransactions):
    """What was refused is not there, but the Patient is, who was stored first."""

    async def take(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if answered.refuses and answered.status != 409 and b"client-id" in asked.body:
            person = resource_of(asked.json, "Patient")
            person = {name: person[name] for name in ("resourceType", "identifier", "birthDate")}
            await self.ask(
                asked.at("POST", f"{FHIR}/Patient", person, **{"content-type": "application/fhir+json"}), scope
            )
        return answered


class Doubles(OfTransactions):
    """Keeps each repeat as another referral, under the same number."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        _, bar, number = asked.path.partition("identifier=https://northdale.example/rio/referral%7C")
        if bar and self.seen.get(number, 1) > 1:
            others = [
                quote(f"https://northdale.example/rio/referral|{number}-{n}") for n in range(2, self.seen[number] + 1)
            ]
            asked = replace(asked, path=",".join([asked.path, *others]))
        return await super().answer(asked, scope)

    async def take(self, asked: Asked, scope: Scope) -> Answered:
        if b"ServiceRequest" not in asked.body:
            return await self.ask(asked, scope)
        bundle = asked.json
        identifier = resource_of(bundle, "ServiceRequest")["identifier"][0]
        number = identifier["value"]
        turn = self.again(number)
        if turn > 1:
            identifier["value"] = f"{number}-{turn}"
            asked = replace(asked.saying(bundle), headers=asked.headers | {"x-request-id": ""})
            asked.headers.pop("x-request-id")
        answered = await self.ask(asked, scope)
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


class AsAnother(Fault):
    """One that does not look whose token it is: it takes them for whoever asked last and was allowed."""

    ways = re.compile("")

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        who = asked.headers.get("authorization", "")
        if asked.method == "POST" and asked.path == FHIR and who:
            answered = await self.ask(asked, scope)
            self.seen["token"] = self.seen.get("token", who) if answered.refuses else who
            return answered
        wanted = self.ways.fullmatch(f"{asked.method} {asked.path}") and "token" in self.seen
        trusted = replace(asked, headers=asked.headers | {"authorization": self.seen["token"]}) if wanted else asked
        return await self.ask(trusted, scope)


class ReadsForAnybody(AsAnother):
    ways = re.compile(rf"GET {FHIR}/(Task|Patient)/.*")


class SearchesForAnybody(AsAnother):
    ways = re.compile(rf"GET {FHIR}/\w+\?.*")


class ChangesForAnybody(AsAnother):
    ways = re.compile(rf"PUT {FHIR}/.*")


class AsksForNoToken(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if answered.status != 401 or not self.trusts(asked.headers.get("authorization")):
            return answered
        return answered.saying({"resourceType": "Bundle", "type": "searchset"}, 200)

    def trusts(self, who: str | None) -> bool:
        return who is None


class BelievesEachToken(AsksForNoToken):
    def trusts(self, who: str | None) -> bool:
        return who is not None and not self.is_signed(who)

    def is_signed(self, who: str) -> bool:
        return len(who.split(".")) == 3 and not who.endswith(".")


class BelievesOldTokens(BelievesEachToken):
    def trusts(self, who: str | None) -> bool:
        return who is not None and self.is_signed(who)


class IgnoresIfMatch(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name != "if-match"}
        return await self.ask(replace(asked, headers=headers), scope)


class LosesZeros(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        return replace(answered, body=re.sub(rb'"0+(\d+)"', rb'"\1"', answered.body))


class RoundsDecimals(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        return answered.saying(answered.json) if b"Observation" in answered.body else answered


class DropsExtensions(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if f"{FHIR}/Patient/" not in asked.path or answered.refuses:
            return answered
        return answered.saying({name: value for name, value in answered.json.items() if name != "extension"})


class NamesThePerson(Fault):
    """... in what it says of a refusal, for the engineer's convenience."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        names = re.findall(rb'"family": "([^"]+)"', asked.body)
        if not answered.refuses or not names:
            return answered
        outcome = answered.json
        outcome["issue"][0]["diagnostics"] = f"Cannot store {names[0].decode()}"
        return answered.saying(outcome)


class FallsOverRubbish(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        try:
            known = not asked.body or isinstance(json.loads(asked.body), dict)
        except ValueError:
            known = False
        answered = await self.ask(asked, scope)
        return answered if known else replace(answered, status=500)


class RefusesInItsOwnWords(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if not answered.refuses:
            return answered
        headers = answered.headers | {"content-type": "application/json"}
        return replace(answered.saying({"error": "bad request"}), headers=headers)


class NamesNoElement(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if answered.status not in {400, 422}:
            return answered
        issue = {"severity": "error", "code": "invalid", "diagnostics": "The request is not valid."}
        return answered.saying({"resourceType": "OperationOutcome", "issue": [issue]})


class EchoesNoIds(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        return replace(answered, headers=answered.headers | {"x-correlation-id": "1"})


class TakesAnyType(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        headers = asked.headers
        if headers.get("content-type", "").startswith("text/plain"):
            headers = headers | {"content-type": "application/fhir+json"}
        return await self.ask(replace(asked, headers=headers), scope)


class ReadsAnyVersion(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        headers = {name: value.partition(";")[0] for name, value in asked.headers.items()}
        return await self.ask(replace(asked, headers=headers), scope)


class OfAnswers(Fault):
    """One that is wrong in what it answers to some way; `made` is that answer otherwise."""

    ways = re.compile("")

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        return self.made(answered) if self.ways.fullmatch(f"{asked.method} {asked.path}") else answered

    def made(self, answered: Answered) -> Answered:
        raise NotImplementedError


class SpeaksAnotherFhir(OfAnswers):
    ways = re.compile(rf"GET {FHIR}/metadata")

    def made(self, answered: Answered) -> Answered:
        return answered.saying(answered.json | {"fhirVersion": "3.0.2"})


class WantsPasswords(OfAnswers):
    ways = re.compile(rf"GET {FHIR}/.well-known/smart-configuration")

    def made(self, answered: Answered) -> Answered:
        return answered.saying(answered.json | {"token_endpoint_auth_methods_supported": ["client_secret_basic"]})


class AnswersEmpty(OfAnswers):
    """It says that it has the referral; what became of it, nobody is told."""

    ways = re.compile(rf"POST {FHIR}")

    def made(self, answered: Answered) -> Answered:
        if answered.refuses:
            return answered
        return answered.saying({"resourceType": "Bundle", "type": "transaction-response", "entry": []})


class OfTasks(Fault):
    """One that shows a Task otherwise than it stands."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if asked.method != "GET" or not TASK.fullmatch(asked.path) or answered.refuses:
            return answered
        task = answered.json
        return answered.saying(task | self.shown(task))

    def shown(self, task: Json) -> Json:
        raise NotImplementedError


class AcceptsForTheHub(OfTasks):
    def shown(self, task: Json) -> Json:
        return {"status": "accepted"} if task["status"] in {"requested", "received"} else {}


class NeverMoves(OfTasks):
    def shown(self, task: Json) -> Json:
        return {"status": "requested"}


class HidesTheRefusal(OfTasks):
    def shown(self, task: Json) -> Json:
        return {"status": "in-progress"} if task["status"] == "rejected" else {}


class RefusesWithoutReason(OfTasks):
    def shown(self, task: Json) -> Json:
        return {"statusReason": {}}


class TellsNoOutcome(OfTasks):
    def shown(self, task: Json) -> Json:
        return {"output": []} if task["status"] == "completed" else {}


class MovesAnywhere(Fault):
    """It finds a way for each move, as some workflow engines do."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if not asked.path.endswith("/transitions") or answered.status != 422 or asked.json["to"] != "allocated":
            return answered
        for status in ("received", "accepted"):
            said = asked.at("POST", asked.path, {"to": status, "by": "nobody"}, **{"content-type": "application/json"})
            await self.ask(said, scope)
        return await self.ask(asked, scope)


class SaysYesToEachWithdrawal(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        if asked.method == "PUT" and b'"revoked"' in asked.body:
            return await self.ask(asked.at("GET", asked.path), scope)
        return await self.ask(asked, scope)


class DropsTheAbort(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        if asked.method == "POST" and asked.path == f"{FHIR}/Task":
            return Answered(201, {"content-type": "application/fhir+json"}, asked.body)
        return await self.ask(asked, scope)


class StoresWhatItValidates(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if asked.path == f"{FHIR}/Bundle/$validate":
            stored = replace(asked, path=FHIR)
            await self.ask(stored, scope)
        return answered


class ServesAnyType(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if asked.path != f"{FHIR}/Wombat":
            return answered
        return answered.saying({"resourceType": "Bundle", "type": "searchset"}, 200)


class WithoutParameter(Fault):
    """Does not know a search parameter, and leaves it out."""

    name = ""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        path = re.sub(rf"(?<=[?&]){self.name}=[^&]*&?", "", asked.path)
        return await self.ask(replace(asked, path=path), scope)


class IgnoresLastUpdated(WithoutParameter):
    name = "_lastUpdated"


class IgnoresReferences(OfAnswers):
    ways = re.compile(rf"GET {FHIR}/Task\?identifier=.*")

    def made(self, answered: Answered) -> Answered:
        return answered.saying(answered.json | {"entry": [], "total": 0})


class RepeatsThePage(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        if "_page=" in asked.path:
            return await self.ask(replace(asked, path=self.seen["page"]), scope)
        if "_count=1" in asked.path:
            self.seen["page"] = asked.path
        return await self.ask(asked, scope)


class KeepsTheLastVersionOnly(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if not asked.path.endswith("/_history") or answered.refuses:
            return answered
        return answered.saying(answered.json | {"entry": answered.json["entry"][:1]})


class ChokesOnLargeBodies(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        if len(asked.body) > 1_000_000:
            return Answered(503, {"content-type": "text/html"}, b"<html>Bad gateway</html>")
        return await self.ask(asked, scope)


class OneDoorForAll(Fault):
    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if (
            answered.status in {401, 403}
            and asked.headers.get("authorization", "").count(".") == 2
            and TASK.fullmatch(asked.path)
        ):
            return answered.saying({"resourceType": "Task", "status": "requested"}, 200)
        return answered


class LosesReferrals(Fault):
    """It answers at once, and stores later; later never comes."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        if asked.method == "GET" and TASK.fullmatch(asked.path):
            return answered.saying(OUTCOME, 404)
        return answered


class FreeInItsWays(OfTransactions):
    """Nothing is wrong with it: it answers a repeat like the first, and says 403 where the gateway says 404."""

    async def answer(self, asked: Asked, scope: Scope) -> Answered:
        answered = await super().answer(asked, scope)
        return (
            replace(answered, status=403)
            if answered.status == 404 and not re.search("Wombat|unheard-of", asked.path)
            else answered
        )

    async def take(self, asked: Asked, scope: Scope) -> Answered:
        answered = await self.ask(asked, scope)
        number = str(resource_of(asked.json, "ServiceRequest")["identifier"]) if b"ServiceRequest" in asked.body else ""
        if answered.status == 409:
            while number not in self.seen:  # noqa: ASYNC110 - the first is under way still
                await asyncio.sleep(0.01)
            first: Answered = self.seen[number]
            return first
        self.seen[number] = answered
        return answered
