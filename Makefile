.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PROTO_VENV := .venv-proto

# python3.11 by that name is not everywhere; any python3 of at least 3.11 serves.
PYTHON := $(shell command -v $(PYTHON) 2>/dev/null || command -v python3)

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

$(VENV)/.ready: requirements/all.txt requirements/embedder.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/embedder.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(PROTO_VENV)/.ready: requirements/proto.txt
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Make the environment and the embedder model
	@$(BIN)/python -m turnout.learn.embedder_build

.PHONY: run
run: setup ## Set up and serve on embedded engines at http://127.0.0.1:8080
	$(BIN)/turnout serve

.PHONY: proto
proto: $(PROTO_VENV)/.ready ## Generate the stubs from proto/
	PATH=$(CURDIR)/$(PROTO_VENV)/bin:$$PATH $(PROTO_VENV)/bin/python -m grpc_tools.protoc -Iproto \
	  --python_out=services --mypy_out=quiet:services \
	  --grpc_python_out=services --mypy_grpc_out=quiet,only_async:services proto/turnout/rpc/v1/*.proto
	PATH=$(CURDIR)/$(PROTO_VENV)/bin:$$PATH $(PROTO_VENV)/bin/python -m grpc_tools.protoc -Iproto \
	  --python_out=services --mypy_out=quiet:services proto/turnout/events/v1/*.proto
	rm -f services/turnout/rpc/v1/routing_pb2_grpc.py*
