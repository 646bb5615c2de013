# make run    the page on http://127.0.0.1:3000
# make test   everything that must hold before a commit
# make help   the rest
PYTHON ?= $(firstword $(foreach name,python3.14 python3.13 python3.12 python3.11 python3 python,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))) python3)
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url
CHECKED := aidoctor tests rxconfig.py bootstrap.py $(wildcard benchmarks)

.PHONY: help run page test bench screens check format wheel lock clean environment dev

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

environment:
	@$(PYTHON) bootstrap.py run

dev:
	@$(PYTHON) bootstrap.py dev

run: environment  ## Start AI Doctor and open the page
	@$(BIN)/python -m aidoctor.pagebuild
	@$(BIN)/aidoctor

page: environment  ## Build the page if its sources changed
	@$(BIN)/python -m aidoctor.pagebuild

test: dev check  ## Check style, types and layers, then run every test
	@$(BIN)/python -m aidoctor.pagebuild
	@$(BIN)/python -m pytest

bench: dev  ## Measure what is promised and print it beside the limits
	@$(BIN)/python -m aidoctor.pagebuild
	@$(BIN)/python -m benchmarks

screens: dev  ## Take the pictures of the documentation anew
	@$(BIN)/python -m aidoctor.pagebuild
	@$(BIN)/python -m benchmarks.screens

check: dev  ## Check style, types and layers
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev  ## Put the code into its one style
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

wheel: dev page  ## Build the wheel with the page in it
	$(BIN)/python -m build --wheel --no-isolation

lock: dev  ## Resolve the dependencies anew
	$(LOCK) --upgrade pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --group build -c requirements.lock -o requirements-build.lock
	$(LOCK) --upgrade pyproject.toml --group dev -c requirements.lock -c requirements-build.lock \
		-o requirements-dev.lock

clean:  ## Remove what was built; conversations are elsewhere and stay
	rm -rf .build .web dist aidoctor/page
