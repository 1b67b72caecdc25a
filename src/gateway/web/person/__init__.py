"""The page about one person inside their record: each referral, what comes next, and what is to be answered."""

from fastapi import FastAPI

from gateway.launch.session import PATH
from gateway.web.person.answering import send_words
from gateway.web.person.filing import file_note
from gateway.web.person.showing import render_live, show_person

__all__ = ["add_person_pages", "render_live"]


def add_person_pages(app: FastAPI) -> None:
    at = f"{PATH}/{{session}}"
    app.add_route(at, show_person, methods=["GET"])
    app.add_route(f"{at}/referrals/{{referral}}/answer", send_words, methods=["POST"])
    app.add_route(f"{at}/note", file_note, methods=["POST"])
