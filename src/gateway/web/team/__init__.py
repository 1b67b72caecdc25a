"""What a clinical team sees of its referrals, and its manager of how the service is taken up."""

from fastapi import FastAPI

from gateway.launch.session import PATH
from gateway.web.team.adoption import show_adoption
from gateway.web.team.referrals import show_team


def add_team_pages(app: FastAPI) -> None:
    app.add_route(f"{PATH}/{{session}}/team", show_team, methods=["GET"])
    app.add_route(f"{PATH}/{{session}}/adoption", show_adoption, methods=["GET"])
