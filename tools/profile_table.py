"""Writes docs/profile.md from the table of rules: make profile-table."""

from pathlib import Path

from gateway.profile import CONFIGURABLE, RULES
from gateway.profile.table import NHS_NUMBER_CHECK

FILE = "docs/profile.md"
HEAD = """\
# The profile of a referral

What a referral needs so that somebody can act on it safely: the Social Prescribing Information Standard v1.1 (PRSB,
now NHS England), UK Core, and the Gravity profile of a referral's Task. *Error* refuses the referral with 422;
*warning* goes back with the answer, is kept with the referral and is shown to the advisor.

Which is which can be agreed with a sender, in its entry of the parties file (`docs/running.md`):

```json
{"ods_code": "XND01", "name": "...", "rules": {"consent": "error", "alive": "error"}, "nhs_number_check": "warn"}
```

A *fixed* rule is the same for every sender: it is about whether this is a referral at all, whose it is, or a refusal.
This page is written by `make profile-table` from `src/gateway/profile/table.py`.

| Rule | Unless agreed | May be agreed | What is said | Element | Source |
|---|---|---|---|---|---|
"""


def written() -> str:
    rows = []
    for rule in RULES:
        agreed = "yes" if rule.key in CONFIGURABLE else "fixed"
        if rule.key == NHS_NUMBER_CHECK:
            agreed = "`nhs_number_check`"
        cells = [f"`{rule.key}`", rule.severity, agreed, rule.text, f"`{rule.expression}`", rule.source]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    Path(FILE).write_text(written(), "utf-8")
