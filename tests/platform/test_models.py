"""The examples in the contract are true: each fits its own model."""

from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from gateway import changes
from gateway.platform import models
from gateway.platform.routes import router

MODELS = [
    model
    for module in (changes, models)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.model_config.get("json_schema_extra")
]


@pytest.mark.parametrize("model", MODELS)
def test_each_example_fits_its_model(model: type[BaseModel]) -> None:
    for example in model.model_json_schema()["examples"]:
        model.model_validate(example)


def test_every_operation_takes_and_gives_a_model_with_an_example() -> None:
    app = FastAPI()
    app.include_router(router)
    contract: dict[str, Any] = app.openapi()

    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            success = next(answer for status, answer in operation["responses"].items() if status in {"200", "201"})
            contents = [success["content"], operation.get("requestBody", {}).get("content", {})]
            for content in contents[: 2 if method == "post" else 1]:
                name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert contract["components"]["schemas"][name]["examples"], (path, method)
    assert len(contract["paths"]) == 12


@pytest.mark.parametrize("moment", [0, 0.5, "0.5", "-86400", "1772443800"])
def test_a_number_is_no_date_and_time(moment: object) -> None:
    with pytest.raises(ValidationError, match="not a date and time"):
        TypeAdapter(changes.Moment).validate_python(moment)
