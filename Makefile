# `make demo` runs the main job, `make test` passes the tests; both make the environment in .venv first.
# Everything is named relative to this folder, whose path may hold spaces.
.DELETE_ON_ERROR:
.PHONY: demo test cluster-test soak check bench lock clean help models models-dry-run models-test scores

PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
UV := .venv/bin/python -m uv --system-certs
TEST_ARGUMENTS ?=
SOAK_ARGUMENTS ?=

help:  ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' Makefile

demo: .venv/runtime  ## set up, and run the main job on the sample recordings
	@.venv/bin/python -m asr_pipeline demo

# Tests sync thousands of small files to disk: memory takes them, where there is enough of it.
ROOMY_TMP := $(shell [ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 2000000 ] 2>/dev/null && echo /dev/shm)

test: .venv/dev  ## set up, and run all tests
	$(if $(ROOMY_TMP),TMPDIR=$(ROOMY_TMP)) .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TEST_ARGUMENTS)

cluster-test: .venv/dev  ## the stack of deploy/compose.yaml as plain processes: up, ten recordings, down
	$(if $(ROOMY_TMP),TMPDIR=$(ROOMY_TMP)) .venv/bin/python -m pytest asr_pipeline_tests/deploy/test_cluster.py $(TEST_ARGUMENTS)

# It mounts a tmpfs where it may, so that a disk can be nearly full. SOAK_ARGUMENTS="--minutes 5 --seed 2"
soak: .venv/dev  ## 30 minutes of arrivals at 80 % of capacity, with random faults: nothing lost, memory flat
	$(if $(ROOMY_TMP),TMPDIR=$(ROOMY_TMP)) .venv/bin/python benchmarks/soak.py $(SOAK_ARGUMENTS)

check: .venv/dev  ## style, types, direction of imports
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -c 'import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())'

bench: .venv/dev  ## measure, and write the tables of docs/
	.venv/bin/python benchmarks/word_error_rate.py
	.venv/bin/python benchmarks/long_recording.py
	.venv/bin/python benchmarks/breakdown.py --write
	.venv/bin/python benchmarks/peers.py --write
	.venv/bin/python benchmarks/latency.py --write
	.venv/bin/python benchmarks/gateway.py --write

# The recipe of the starter models has an environment of its own: torch is no dependency of the product.
RECIPE := nice -n 19 .venv-recipe/bin/python -m models.recipe
RECIPE_WORK ?= data/recipe
# The Free Spoken Digit Dataset as FLAC files, {digit}_{speaker}_{n}.flac (github.com/Jakobovski/free-spoken-digit-dataset)
DIGITS ?= data/free-spoken-digits

models: .venv-recipe/ready  ## make both starter models anew: hours, goes on where it was stopped
	$(RECIPE).translator all --work $(RECIPE_WORK)/translator
	$(RECIPE).recognizer all --work $(RECIPE_WORK)/recognizer --digits "$(DIGITS)"

models-dry-run: .venv-recipe/ready  ## every step of that with tiny models: minutes
	rm -rf $(RECIPE_WORK)/dry-run
	$(RECIPE).translator all --dry-run --work $(RECIPE_WORK)/dry-run/translator
	$(RECIPE).recognizer all --dry-run --work $(RECIPE_WORK)/dry-run/recognizer --digits "$(DIGITS)"

scores: .venv-recipe/ready  ## score the models that `make models` made
	$(RECIPE).translator scores --work $(RECIPE_WORK)/translator
	$(RECIPE).recognizer scores --work $(RECIPE_WORK)/recognizer --digits "$(DIGITS)" \
		--package $(RECIPE_WORK)/translator/translate-en_fa-starter.argosmodel

models-test: .venv-recipe/ready  ## tests of the recipe, a dry run among them
	.venv-recipe/bin/python -m pytest -q --confcutdir=asr_pipeline_tests/recipe asr_pipeline_tests/recipe $(TEST_ARGUMENTS)

.venv-recipe/ready: models/recipe/requirements.lock
	@[ -x .venv-recipe/bin/python ] || $(PYTHON) -m venv .venv-recipe
	@.venv-recipe/bin/python models/recipe/torch_for_cpu.py "$$(grep '^torch==' $<)"
	@.venv-recipe/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@.venv-recipe/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$$(sed -n 's/^argostranslate==/&/p' requirements-dev.lock | cut -d' ' -f1)"
	@touch $@

lock: .venv/uv  ## resolve the lock files anew: hashes, no addresses, no torch
	$(UV) pip compile pyproject.toml $(LOCK) --group build --group dev $(EXTRAS) -o requirements-dev.lock
	$(UV) pip compile pyproject.toml $(LOCK) --group build $(EXTRAS) -c requirements-dev.lock -o requirements-deploy.lock
	$(UV) pip compile pyproject.toml $(LOCK) --group build -c requirements-dev.lock -o requirements.lock
EXTRAS := --extra cluster --extra kubernetes --extra tracing
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

clean:  ## remove the environments, not the data
	rm -rf .venv .venv-recipe

.venv/uv: requirements-uv.lock
	@if [ -z "$(PYTHON)" ]; then echo "No Python 3.11, 3.12 or 3.13 found. On Debian or Ubuntu: apt install python3 python3-venv" >&2; exit 1; fi
	@[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "No environment could be made. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-uv.lock
	@touch .venv/uv

# uv installs in seconds what takes pip minutes; pip takes over where uv can't reach the index that pip is set up for.
.venv/runtime: .venv/uv requirements.lock pyproject.toml
	@echo "Installing into .venv (a minute or so) …"
	@$(UV) pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --require-hashes -r requirements.lock \
		|| { echo "uv could not; pip takes some minutes …"; .venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch .venv/runtime

.venv/dev: .venv/runtime requirements-dev.lock
	@$(UV) pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --require-hashes -r requirements-dev.lock \
		|| { echo "uv could not; pip takes some minutes …"; .venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock; }
	@touch .venv/dev
