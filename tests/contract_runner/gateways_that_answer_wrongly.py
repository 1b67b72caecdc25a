"""Gateways that answer wrongly: to whom they should not, or otherwise than it stands."""

import re
from dataclasses import replace

from tests.contract_runner.between import Call, Json
from tests.contract_runner.fault import Answered, Fault

FHIR = "/FHIR/R4"
TASK = re.compile(rf"{FHIR}/Task/[^/?]+")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}


class AsAnother(Fault):
    """One that does not look whose token it is: it takes them for whoever asked last and was allowed."""

    ways = re.compile("")

    async def answer(self, asked: Call) -> Answered:
        who = asked.headers.get("authorization", "")
        if asked.method == "POST" and asked.path == FHIR and who:
            answered = await self.ask(asked)
            self.seen["token"] = self.seen.get("token", who) if answered.refuses else who
            return answered
        wanted = self.ways.fullmatch(f"{asked.method} {asked.path}") and "token" in self.seen
        trusted = replace(asked, headers=asked.headers | {"authorization": self.seen["token"]}) if wanted else asked
        return await self.ask(trusted)


class ReadsForAnybody(AsAnother):
    ways = re.compile(rf"GET {FHIR}/(Task|Patient)/.*")


class SearchesForAnybody(AsAnother):
    ways = re.compile(rf"GET {FHIR}/\w+\?.*")


class ChangesForAnybody(AsAnother):
    ways = re.compile(rf"PUT {FHIR}/.*")


class AsksForNoToken(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
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


class LosesZeros(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        return replace(answered, body=re.sub(rb'"0+(\d+)"', rb'"\1"', answered.body))


class RoundsDecimals(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        return answered.saying(answered.json) if b"Observation" in answered.body else answered


class DropsExtensions(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if f"{FHIR}/Patient/" not in asked.path or answered.refuses:
            return answered
        return answered.saying({name: value for name, value in answered.json.items() if name != "extension"})


class NamesThePerson(Fault):
    """... in what it says of a refusal, for the engineer's convenience."""

    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        names = re.findall(rb'"family": "([^"]+)"', asked.body)
        if not answered.refuses or not names:
            return answered
        outcome = answered.json
        outcome["issue"][0]["diagnostics"] = f"Cannot store {names[0].decode()}"
        return answered.saying(outcome)


class RefusesInItsOwnWords(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if not answered.refuses:
            return answered
        headers = answered.headers | {"content-type": "application/json"}
        return replace(answered.saying({"error": "bad request"}), headers=headers)


class NamesNoElement(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if answered.status not in {400, 422}:
            return answered
        issue = {"severity": "error", "code": "invalid", "diagnostics": "The request is not valid."}
        return answered.saying({"resourceType": "OperationOutcome", "issue": [issue]})


class EchoesNoIds(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        return replace(answered, headers=answered.headers | {"x-correlation-id": "1"})


class OfAnswers(Fault):
    """One that is wrong in what it answers to some way; `made` is that answer otherwise."""

    ways = re.compile("")

    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
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

    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
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


class ServesAnyType(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if asked.path != f"{FHIR}/Wombat":
            return answered
        return answered.saying({"resourceType": "Bundle", "type": "searchset"}, 200)


class WithoutParameter(Fault):
    """Does not know a search parameter, and leaves it out."""

    name = ""

    async def answer(self, asked: Call) -> Answered:
        path = re.sub(rf"(?<=[?&]){self.name}=[^&]*&?", "", asked.path)
        return await self.ask(replace(asked, path=path))


class IgnoresLastUpdated(WithoutParameter):
    name = "_lastUpdated"


class IgnoresReferences(OfAnswers):
    ways = re.compile(rf"GET {FHIR}/Task\?identifier=.*")

    def made(self, answered: Answered) -> Answered:
        return answered.saying(answered.json | {"entry": [], "total": 0})


class RepeatsThePage(Fault):
    async def answer(self, asked: Call) -> Answered:
        if "_page=" in asked.path:
            return await self.ask(replace(asked, path=self.seen["page"]))
        if "_count=1" in asked.path:
            self.seen["page"] = asked.path
        return await self.ask(asked)


class KeepsTheLastVersionOnly(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if not asked.path.endswith("/_history") or answered.refuses:
            return answered
        return answered.saying(answered.json | {"entry": answered.json["entry"][:1]})


class OneDoorForAll(Fault):
    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if (
            answered.status in {401, 403}
            and asked.headers.get("authorization", "").count(".") == 2
            and TASK.fullmatch(asked.path)
        ):
            return answered.saying({"resourceType": "Task", "status": "requested"}, 200)
        return answered


class LosesReferrals(Fault):
    """It answers at once, and stores later; later never comes."""

    async def answer(self, asked: Call) -> Answered:
        answered = await self.ask(asked)
        if asked.method == "GET" and TASK.fullmatch(asked.path):
            return answered.saying(OUTCOME, 404)
        return answered
