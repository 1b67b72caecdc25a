"""The referral form: a FHIR Questionnaire, what the record suggests for it, and the referral that its answers make.

    response = populate(resources, at)                     # what the clinician starts from
    answers = answers_of(response)                         # by linkId, as a page shows them
    problems(answers)                                      # what is missing before it can be sent
    response = response_from(answers, at=at)
    bundle = extract(response, patient, referrer, at, name)  # the transaction that accept() takes

All of it is data and pure functions: no I/O, no clock.
"""

from mappings.form.answers import Answer, Answers, answers_from_form, answers_of, response_from, without_reach
from mappings.form.extract import Referrer, Unsendable, extract
from mappings.form.populate import populate
from mappings.form.problems import Problem, problems
from mappings.form.questionnaire import CANONICAL, ID, URL, is_ours, questionnaire
from mappings.form.urgency import suggests_urgency

__all__ = [
    "CANONICAL",
    "ID",
    "URL",
    "Answer",
    "Answers",
    "Problem",
    "Referrer",
    "Unsendable",
    "answers_from_form",
    "answers_of",
    "extract",
    "is_ours",
    "populate",
    "problems",
    "questionnaire",
    "response_from",
    "suggests_urgency",
    "without_reach",
]
