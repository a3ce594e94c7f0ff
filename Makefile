# The same targets run on a laptop and in CI. Each does its own set-up: a fresh machine needs Python and Java, no more.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.stamp-install
BENCH_INSTALLED := $(VENV)/.stamp-bench
JARS := $(VENV)/.stamp-jars
# Another Spark, with the same packages beside it.
SPARK_VENV := .venv-spark-$(SPARK)
SPARK_RUN := $(SPARK_VENV)/bin/python
SPARK_INSTALLED := $(if $(SPARK),$(SPARK_VENV)/.stamp-install)
# PySpark before 4.2 leaves sockets to the garbage collector.
SPARK_TESTS = $(SPARK_RUN) -m pytest -W ignore:unclosed:ResourceWarning --durations=15
JAVA := $(if $(JAVA_HOME),$(JAVA_HOME)/bin/java,java)

.DEFAULT_GOAL := help
.PHONY: help demo test test-spark smoke-spark bench bench-diagnosis fuzz chaos soak lint type format schemas dist check-wheel clean python java spark-version

help: ## Show this help
	@echo 'usage: make TARGET'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Needs Python 3.11 or newer (PYTHON=python3.12 picks one) and, for demo, test and bench, Java 17 or 21.'

demo: java $(INSTALLED) $(JARS) ## Build a small real case, diagnose its incident, audit a table of features, say where the reports are
	@$(VENV)/bin/replay demo replay-demo

test: java $(INSTALLED) $(JARS) ## Run the whole test suite
	@# Where Python is told to write no bytecode, each of the processes that tests start would compile the package anew.
	@$(RUN) -m compileall -q -j 0 replay jobs
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15

test-spark: java spark-version $(SPARK_INSTALLED) ## Run the tests that need Spark on another version of it: SPARK=4.0.5
	@$(SPARK_TESTS) -m 'spark or cluster' $(TESTS)

smoke-spark: java spark-version $(SPARK_INSTALLED) ## Run the demo, a gate and a few tests on another version of Spark: SPARK=4.0.5
	@$(SPARK_TESTS) tests/spark/installed tests/spark/test_types.py tests/spark/test_internals.py tests/flows/test_gate.py
	@$(SPARK_RUN) .ci/check_spark.py

bench: java $(BENCH_INSTALLED) $(JARS) ## Measure whole commands, then speed and memory, beside other ways to score (takes a while)
	@$(RUN) -m tests.bench

bench-diagnosis: $(INSTALLED) ## Plant random incidents and see how they are told (minutes; SEED=1 draws others)
	@$(RUN) -m tests.bench.diagnosis --seed $(or $(SEED),0)

fuzz: $(INSTALLED) ## Read random damaged checkpoints, configs and contracts, each kind for SECONDS=60 (SEED=1 draws others)
	@$(RUN) -m tests.fuzz --seconds $(or $(SECONDS),60) --seed $(or $(SEED),0)

chaos: java $(INSTALLED) $(JARS) ## Kill random processes of runs at random moments, run again, compare (minutes; SEED=1 draws others)
	@$(RUN) -m tests.bench.chaos --seed $(or $(SEED),0) --points $(or $(POINTS),20)

soak: java $(INSTALLED) $(JARS) ## Replay 50 times in one process, and see that it holds on to nothing (minutes)
	@$(RUN) -m tests.bench.soak

lint: $(INSTALLED) ## Check style and spelling
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m codespell_lib

type: $(INSTALLED) ## Check types
	@$(RUN) -m mypy

format: $(INSTALLED) ## Rewrite the code in the project's style
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

schemas: $(INSTALLED) ## Write schemas/ and the tables of docs/config.md again from the code
	@$(RUN) -m replay.config.schema > schemas/.new
	@mv schemas/.new schemas/config.schema.json
	@$(RUN) -m replay.config.reference docs/config.md
	@$(RUN) -c 'import json; from replay.report.summary.schema import summary_schema as s; print(json.dumps(s(), indent=2))' > schemas/.new
	@mv schemas/.new schemas/summary.schema.json
	@$(RUN) -c 'import json; from replay.report.run_verdict import verdict_schema as s; print(json.dumps(s(), indent=2))' > schemas/.new
	@mv schemas/.new schemas/verdict.schema.json
	@$(RUN) -c 'import json; from replay.report.backfilled import backfill_schema as s; print(json.dumps(s(), indent=2))' > schemas/.new
	@mv schemas/.new schemas/backfill.schema.json

dist: $(INSTALLED) ## Build the wheel and the source archive into dist/
	@rm -rf build dist
	@$(RUN) -m build --no-isolation
	@rm -rf build

check-wheel: java dist ## Install the wheel away from the checkout, as a user does, and run the demo and a job there
	@'$(PYTHON)' .ci/check_wheel.py dist/*.whl

clean: ## Remove what the other targets made, but for the virtual environment of all of them
	@rm -rf build dist replay-demo .venv-spark-* spark-warehouse metastore_db derby.log
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find replay jobs tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. The two checks say what is wrong in one line, before minutes go into an installation.

python:
	@command -v '$(PYTHON)' >/dev/null 2>&1 || { \
	  echo "no '$(PYTHON)' on the PATH; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "'$(PYTHON)' is $$('$(PYTHON)' -V 2>&1 | head -n 1); Python 3.11 or newer is needed: make PYTHON=python3.12" >&2; exit 1; }

spark-version:
	@[ -n '$(SPARK)' ] || { echo 'no version of Spark given; name one, such as SPARK=4.0.5' >&2; exit 1; }

java:
	@found=$$('$(JAVA)' -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1); \
	case "$$found" in \
	  17 | 21) ;; \
	  '') echo "cannot run '$(JAVA)'; Spark needs Java 17 or 21: install it, or set JAVA_HOME" >&2; exit 1 ;; \
	  1) echo "'$(JAVA)' is Java 8 or older; Spark needs Java 17 or 21: install it, or set JAVA_HOME" >&2; exit 1 ;; \
	  *) echo "'$(JAVA)' is Java $$found; Spark needs Java 17 or 21: install it, or set JAVA_HOME" >&2; exit 1 ;; \
	esac

# The order-only prerequisite checks Python without making the stamp look old.
$(INSTALLED): setup.py | python
	@echo 'Installing into $(VENV) (torch and Spark are large: minutes, the first time) ...'
	@'$(PYTHON)' -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	@echo 'Installing what the benchmark compares with ...'
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

# Imports find PySpark and py4j here, and all else, torch above all, where it is installed already.
.venv-spark-%/.stamp-install: $(INSTALLED)
	@echo 'Installing PySpark $* into .venv-spark-$* ...'
	@$(RUN) -m venv --clear --without-pip $(@D)
	@$(RUN) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check 'pyspark==$*'
	@$(RUN) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	@$(@D)/bin/python -m replay.spark.installed.jars
	@touch $@

# Delta's jars go into a cache that all later sessions start from.
$(JARS): $(INSTALLED)
	@echo 'Resolving the Delta Lake jars ...'
	@$(RUN) -m replay.spark.installed.jars
	@touch $@
