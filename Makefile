# `make app` is all that a new machine needs: Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# a process per core, each with whole files: their fixtures are made once; PYTEST_ARGS='tests/app -x' is one process
PYTEST_ARGS ?= -n logical --dist loadfile

.PHONY: app serve test snapshots demo mlflow sample health lint clean-venv help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

app: $(READY) sample ## open the dashboard
	@$(BIN)/python -m app

serve: $(READY) ## the dashboard in a browser, at port 8000 of loopback
	@$(BIN)/python scripts/tools/serve_dashboard.py

snapshots: $(READY) ## take the pictures of the panes anew that the tests hold the dashboard against
	@UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/app/test_snapshots.py

test: $(READY) lint ## check style and imports, then run every test
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY) ## check style and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache

demo: $(READY) sample ## the whole study on the sample data, ending in the comparison table
	@$(BIN)/python -m experiments launch study --wait

mlflow: $(READY) ## start an MLflow server on loopback over the embedded store, at the port of MLFLOW_TRACKING_URI
	@$(BIN)/python scripts/tools/mlflow_server.py

health: $(READY) ## check packages, GPU, folders and tracking store
	@$(BIN)/python scripts/tools/health_check.py

sample: $(READY) ## generate the sample dataset when there is no dataset yet
	@test -f datasets/sample/dataset.json || $(BIN)/python scripts/tools/make_sample_dataset.py --if-empty

# The mark says which requirements are installed; it is as new as the last install that went through.
$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make app PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements.txt (several GB, once)" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $(READY)

clean-venv: ## remove the environment
	rm -rf $(VENV)
