# make help lists the targets. The environment: the active one, else .venv.
CONDA_ENV := $(if $(filter-out base,$(CONDA_DEFAULT_ENV)),$(CONDA_PREFIX))
ENV := $(or $(VIRTUAL_ENV),$(CONDA_ENV),$(CURDIR)/.venv)
PY := $(ENV)/bin/python
CONFIG ?= nni_config.yml
PORT ?=
BENCH := benchmarks/.venv
MUTATION := tools/mutation/.venv
EXTRA ?=
# one process more than processors, as some tests only wait; a file's tests share what they need, so they stay together
WORKERS := -n $$(($$(nproc) + 1)) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: help setup env demo experiment check types duplicates test test-fast test-long notebooks benchmark profile simulate chaos mutants
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup:  ## install everything into the active environment, else .venv; EXTRA=page|ray: what demo_page.py, --ray need (2 minutes)
	@case "$(EXTRA)" in ""|page|ray) ;; *) echo "error: EXTRA: expected page or ray, found $(EXTRA)" >&2; exit 2 ;; esac
	@for python in python3 $(foreach minor,11 12 13,python3.$(minor)) python; do \
	  "$$python" -c "import sys; sys.exit(sys.version_info < (3, 8))" 2> /dev/null \
	    && exec "$$python" tools/setup_environment.py; \
	done; echo "error: no Python 3 on PATH starts: install one of 3.11 to 3.13" >&2; exit 2
	@$(if $(EXTRA),$(MAKE) --no-print-directory tools/$(EXTRA)/.venv/made)

env:  ## make the conda environment of environment.yml
	conda env create -f environment.yml

demo: setup  ## from nothing to a result: sample data, a real NNI experiment of 6 trials, report (4 minutes)
	@$(PY) src/get_data.py sample
	@env -u IMBSEG_ROOT $(PY) src/make_meta.py --dataset sample
	@env -u IMBSEG_ROOT $(PY) src/run_experiment.py configs/sample.yml --port $(or $(PORT),0) --report

experiment: setup  ## run an NNI experiment, guarded: make experiment CONFIG=configs/sample.yml; ARGS="--race --hours 8"
	@$(PY) src/run_experiment.py $(CONFIG) $(if $(PORT),--port $(PORT)) --report $(ARGS)

check: setup  ## lint, format, types, and that nothing stands twice
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 types duplicates

types:
	$(PY) -m mypy

duplicates:
	$(PY) -m pylint src/imbseg src/*.py

test: check  ## lint, types, doctests and every test but the long ones (18 minutes)
	$(PY) -m pytest $(WORKERS) -m "not long"

test-fast: check  ## what one runs all day (4 minutes)
	$(PY) -m pytest $(WORKERS) -m "not slow and not long"

test-long: check  ## every test at full size: more kills, more trials
	$(PY) -m pytest $(WORKERS)

notebooks: setup  ## run the notebooks on the sample and store their outputs (1 minute)
	@$(PY) src/get_data.py sample
	@$(PY) src/make_meta.py --dataset sample > /dev/null
	@cd notebooks && $(ENV)/bin/jupyter-execute --inplace *.ipynb

ifeq ($(PART),architectures)
benchmark: setup  ## training samples a second beside others (2 minutes); PART=architectures, epoch, loader, start, checkpoint, counting, tuners: what else
	@OMP_NUM_THREADS=1 $(PY) benchmarks/architectures.py
else ifeq ($(PART),tuners)
benchmark: setup
	@OMP_NUM_THREADS=1 $(PY) benchmarks/tuners.py
else ifeq ($(PART),epoch)
benchmark: setup $(BENCH)/made
	@$(BENCH)/bin/python benchmarks/epoch.py
else ifneq ($(filter loader start checkpoint counting,$(PART)),)
benchmark: setup $(BENCH)/made
	@OMP_NUM_THREADS=1 $(BENCH)/bin/python benchmarks/costs.py $(PART)
else
benchmark: setup $(BENCH)/made
	@OMP_NUM_THREADS=1 $(BENCH)/bin/python benchmarks/training_samples.py
endif

profile: setup  ## where the seconds of a training step go, part by part, for networks and input sizes (20 minutes)
	@OMP_NUM_THREADS=1 $(PY) benchmarks/step_parts.py

simulate: setup  ## what intervals and tests are worth, by known truths (7 minutes); PART=race: what a race keeps (half a minute)
	@OMP_NUM_THREADS=1 $(PY) tools/$(if $(filter race,$(PART)),simulate_race,simulate_statistics).py

chaos: setup  ## experiments under fire: kills, a full disk, a reboot (15 minutes; root); PART=hundred, five-hundred: many trials
	@OMP_NUM_THREADS=1 $(PY) tools/chaos.py $(or $(PART),kills)

mutants: setup $(MUTATION)/made  ## change the code line by line and see whether a test fails: make mutants PART=training
	@$(MUTATION)/bin/python tools/mutation/run.py $(PART)

# Environments of their own, since albumentations brings another cv2; all else they take from the main one
%/.venv/made: %/requirements.txt
	$(PY) -m venv $(@D)
	$(PY) -c "import site; print(*site.getsitepackages(), '$(CURDIR)/src', sep='\n')" \
	  > $$(ls -d $(@D)/lib/python3*/site-packages)/zz_main.pth
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	touch $@
