# Two commands matter: `make up` (the whole platform on this machine) and `make test`.
# Each does all its own set-up and is safe to repeat.
STACK ?= staging
python := .venv/bin/python
pytest := $(python) -m pytest

.PHONY: help up down status check unit test test-full

help:
	@echo 'make up         bring the platform up on this machine (STACK=staging or production)'
	@echo 'make down       remove all that make up started'
	@echo 'make status     is every service healthy?'
	@echo 'make check      style and types'
	@echo 'make unit       tests that need no Docker'
	@echo 'make test       check, unit tests with coverage, and the tests on the local cloud'
	@echo 'make test-full  make test, and the slow ones'

up:
	@./manacore up --local --stack $(STACK)

down:
	@./manacore down --local --stack $(STACK)

status:
	@./manacore status --local --stack $(STACK)

check:
	@./manacore setup tools
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m pyright

# Coverage counts the unit tests alone: what only a running cloud reaches is not covered.
unit:
	@./manacore setup engine
	$(pytest) -n 2 -m 'not local and not full' --cov --cov-report=term

test: check unit
	@./manacore setup local
	$(pytest) -m 'local and not full'

test-full: test
	$(pytest) -m full
