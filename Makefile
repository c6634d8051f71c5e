# Every command makes or updates .venv first; that takes a moment when nothing has changed.
.DEFAULT_GOAL := help
.PHONY: help run serve test lint format bench docs sbom clean env

PYTHON := .venv/bin/python

# A prompt may hold any character. It reaches the program through the environment, as it was typed: make would
# otherwise read "$" as its own.
ifdef PROMPT
override PROMPT := $(value PROMPT)
export PROMPT
endif

# What to test, and further options: make test TESTS=tests/unit/policies PYTEST="-x"
TESTS ?= tests
PYTEST ?=
# So many processes share the tests; with 0 they run in one, as a debugger needs it: make test WORKERS=0 PYTEST="--pdb"
WORKERS ?= 2
# Give these to a benchmark: make bench BENCH="--clip clip.mp4"
BENCH ?= --quick

# A file's tests share a server or a clip and stay in one process; files are handed out in order, the longest first.
SHARED := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# One thread a library: the tests run beside each other and measure time.
SINGLE_THREADED := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: ## make or update .venv (EXTRAS=dev,train TORCH=auto|cpu|default)
	@tools/setup-env

run: env ## from a prompt to a released, verified clip (PROMPT="...")
	@$(PYTHON) -m guard.demo

serve: env ## start the service
	@.venv/bin/guard serve

test: env ## lint, and all tests with coverage (TESTS=folder PYTEST=options WORKERS=2)
	@tools/prepare-tests
	@$(MAKE) --no-print-directory lint
	$(SINGLE_THREADED) $(PYTHON) -m pytest $(TESTS) $(SHARED) --cov --cov-report=term $(PYTEST)

lint: env ## style, types, import rules, licences, links
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) tools/check-licences
	$(PYTHON) tools/check-docs

format: env ## bring the code into the project's form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: env ## run every benchmark, short (BENCH=options)
	@failed=; for file in benchmarks/[a-z]*.py benchmarks/*/[_a-z]*.py; do \
		grep -q '__name__ == "__main__"' "$$file" || continue; \
		module=$$(echo "$${file%.py}" | sed 's|/__main__$$||; s|/|.|g'); \
		echo "== $$module"; \
		$(PYTHON) -m "$$module" $(BENCH) || failed="$$failed $$module"; \
	done; \
	if [ -n "$$failed" ]; then echo "bench: failed:$$failed" >&2; exit 1; fi

docs: env ## check that the pages' links resolve
	$(PYTHON) tools/check-docs

sbom: env ## write sbom.json, a CycloneDX bill of what is installed
	.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --output-file sbom.json $(PYTHON)

clean: ## remove caches and results; keep .venv and .guard
	rm -rf build dist sbom.json .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -path ./.guard -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
