.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/.run
DEV := .venv/.dev
NPM := tools/npm/node_modules/.package-lock.json
REDOCLY := tools/npm/node_modules/.bin/redocly

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

$(RUN): requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	@echo "Making .venv (about half a minute the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar on --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Adding what tests and checks need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar on --require-hashes -r requirements/dev.txt
	@touch $@

$(NPM): tools/npm/package-lock.json
	@if command -v npm >/dev/null; then \
	  echo "Adding what checks need from npm ..." && \
	  npm ci --prefix tools/npm --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is absent: tests that need it are skipped"; fi

demo: $(RUN) ## Two referrals, all the way round, as it happens
	@$(BIN)/gateway demo

serve: $(RUN) ## Gateway on 127.0.0.1:8000 and mock RiO on 127.0.0.1:8001, with demo data
	@$(BIN)/gateway serve --demo

test: $(DEV) $(NPM) ## All tests, on SQLite and PostgreSQL
	@$(BIN)/pytest -n auto

check: $(DEV) $(NPM) ## Format, lint, types, import rules, maps, contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/gateway maps check
	@$(BIN)/python -m tools.contract --check
	@$(BIN)/python -m tools.breaking
	@$(MAKE) --no-print-directory lint-openapi
	@$(BIN)/hadolint Dockerfile

lint-openapi: $(NPM) ## Redocly's rules for openapi/ (tools/redocly.yaml); needs node and npm
	@if test -x $(REDOCLY); then \
	  REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
	  $(REDOCLY) lint --config tools/redocly.yaml openapi/gateway.yaml openapi/platform.yaml; \
	else echo "openapi/ is not linted: npm is absent"; fi

pacts: $(DEV) ## Writes pacts/ anew: what EPRs, platforms and the gateway rely on
	@GATEWAY_PACTS=write $(BIN)/pytest -q tests/pacts -k needs

fuzz: $(DEV) ## Spoilt requests at every door, thousands (GATEWAY_FUZZ_CASES=20000): no 5xx, no hang, nothing half-stored
	@GATEWAY_FUZZ_CASES=$${GATEWAY_FUZZ_CASES:-20000} $(BIN)/pytest -q -s tests/fuzz

bench: $(DEV) ## Requests and deliveries a second beside their ceilings; writes var/bench.json
	@$(BIN)/python -m bench

screenshots: $(DEV) ## How the pages look (wide, 320 px, high contrast), into var/screenshots; needs Chromium
	@GATEWAY_SCREENSHOTS=1 $(BIN)/pytest -q tests/browser

crash: $(DEV) ## Kills everything under load, again and again (CRASH_ROUNDS=300); nothing lost, doubled or reordered; writes var/crash.json
	@$(BIN)/python -m crash

corpus-table: $(DEV) ## How well real FHIR files are judged; writes docs/corpus.md (needs FHIR_CORPUS or ../shared/corpus)
	@$(BIN)/python -m tools.corpus_table

profile-table: $(DEV) ## Writes docs/profile.md anew: the rules of a referral
	@$(BIN)/python -m tools.profile_table

hazards: $(DEV) ## Writes docs/clinical-safety.md anew from docs/hazards.yaml
	@$(BIN)/python -m tools.hazard_log

rest-checklist: $(DEV) ## Writes docs/rest.md anew: FHIR's REST clauses, and the tests of each
	@$(BIN)/python -m tools.rest_checklist

subscriptions-table: $(DEV) ## Writes docs/subscriptions.md anew: FHIR Subscriptions, and the backport clause by clause
	@$(BIN)/python -m tools.subscription_requirements

contract-tests: $(DEV) ## Writes docs/contract-tests.md anew: how a connection is proved, and each test of it
	@$(BIN)/python -m tools.contract_suites

contract: $(DEV) ## Writes openapi/ anew from the code
	@$(BIN)/python -m tools.contract

postman: $(DEV) $(NPM) ## Runs openapi/postman.json with newman against a new gateway; needs node and npm
	@$(BIN)/pytest -q tests/postman

migration: $(DEV) ## A migration from changed tables: make migration m="what changes"
	@$(BIN)/python tools/new_migration.py "$(m)"

lock: $(DEV) ## Pins dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra build --extra hl7v2 --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/run.txt
	uv pip compile pyproject.toml --extra build --extra hl7v2 --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/run.txt -o requirements/dev.txt

.PHONY: help demo serve test check lint-openapi pacts fuzz bench screenshots crash corpus-table profile-table rest-checklist subscriptions-table contract-tests hazards contract postman migration lock
