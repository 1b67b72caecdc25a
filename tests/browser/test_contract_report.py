"""The page of a contract run, opened from the disk as an engineer opens it."""

from pathlib import Path

from playwright.async_api import Page
from tests.browser.look import check_axe, check_fits, shoot
from tests.contract_runner.test_reports import EXCHANGE

from gateway.contract.reports import page as write_page
from gateway.contract.results import Report, Result
from gateway.contract.suite import suite_of


async def test_the_report(page: Page, tmp_path: Path) -> None:
    suite = suite_of("epr-sender")
    results = [Result(test, exchanges=[EXCHANGE], milliseconds=12) for test in suite.tests]
    results[7] = Result(suite.tests[7], "fail", ["Expected POST /FHIR/R4; it did not come."], 4, [EXCHANGE], 60_012)
    results[0] = Result(suite.tests[0], "skip", ["The configuration has no keys_file."])
    report = Report(suite, "https://epr.northdale.example", "2026-03-02T09:00:00.000Z", results)
    (tmp_path / "report.html").write_text(write_page(report))
    await page.goto((tmp_path / "report.html").as_uri())
    await page.locator("summary").first.click()
    await check_axe(page)
    await check_fits(page)
    await shoot(page, "contract-report")
