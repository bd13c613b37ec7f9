# What a developer runs, and .ci/run too. The environment is the active one, else .venv.
PYTHON ?= $(shell [ -z "$$VIRTUAL_ENV" ] && [ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)

.PHONY: check test slow fuzz lint types wheel proto bench cuda gpu

check: test lint types

test:  # pytest fails by itself where it finds no test; two processes have to name tests alike
	PYTHONHASHSEED=0 $(PYTHON) -m pytest -q -m "not slow" -n 2

slow:  # minutes: the whole LeNet run, 100 killed runs, 2 GB of parameters; ARTEFACTS=FOLDER: all models in it; CORPUS=FOLDER: all definitions
	PYTHONHASHSEED=0 $(PYTHON) -m pytest -q -m slow -n 2
	PYTHONHASHSEED=0 $(PYTHON) -m pytest -q -m "not slow" -n 2 -p tests.on_kernels tests/layers

fuzz:  # a minute or two: 24,000 damaged files for the readers
	$(PYTHON) -m tests.fuzz

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:  # mypy sees the mapping of setup.py only on a tree of links
	rm -rf .typecheck && mkdir .typecheck
	cp -as "$(CURDIR)/minicaffe" .typecheck/
	for part in layers solvers proto models; do ln -s "$(CURDIR)/$$part" .typecheck/minicaffe/$$part; done
	cd .typecheck && "$$(command -v ../$(PYTHON) || command -v $(PYTHON))" -m mypy --config-file ../pyproject.toml -p minicaffe

wheel:
	rm -rf build dist
	$(PYTHON) -m build --wheel --outdir dist

proto:  # needs pip install -e '.[proto]'; the result is committed
	$(PYTHON) -m grpc_tools.protoc -I proto --python_out=proto --pyi_out=proto proto/minicaffe.proto
	$(PYTHON) -m minicaffe.stubs

bench:  # needs PyTorch: see benchmarks/README.md
	$(PYTHON) benchmarks/data.py
	$(PYTHON) benchmarks/step_time.py benchmarks/nets/lenet.prototxt benchmarks/nets/cifar10_quick.prototxt

cuda:  # needs pip install -e '.[cuda-check]' and no GPU: compiles the CUDA source, and asks CuPy for the names
	$(PYTHON) -m pytest -q -p tests.no_skips tests/test_fake_cupy.py tests/test_cupy_names.py \
		tests/test_gpus.py::test_the_stand_in_has_the_names_of_cupy tests/ops/test_products.py::test_names_are_cupys \
		tests/ops/test_cuda.py::test_nvrtc_compiles_every_source

gpu:  # needs CuPy and a CUDA device, and fails without; under 5 minutes
	$(PYTHON) -m pytest -q -m gpu -p tests.gpu.plugin
