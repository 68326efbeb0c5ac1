# SPDX-License-Identifier: Apache-2.0
#
# The commands of everyday work. `make demo` and `make test` need nothing but a Debian 12 machine
# with the Swift toolchain: they install what is missing first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := build
.PHONY: deps build test python-environment test-python test-torch wheel test-wheel soak demo bench sweep format lint clean

# Debian's usual place for the toolchain, if the shell does not know one.
export PATH := $(PATH):/opt/swift/usr/bin

# Warnings are errors everywhere; -c release because generated kernels and the interpreter that
# judges them are both too slow to test without optimisation.
SWIFT_FLAGS := -c release
# Tests see internal declarations, which changes how every module is compiled: a folder of their own
# keeps `make build` and `make test` from rebuilding each other's products.
TEST_FLAGS := $(SWIFT_FLAGS) --scratch-path .build-tests
MIXFUSE := .build/release/mixfuse
DEMO_FOLDER := .build/demo

# Debian package and a file or command that only it brings, one pair a word.
REQUIREMENTS := \
  clang-19=/usr/lib/llvm-19/bin/clang \
  llvm-19-dev=/usr/lib/llvm-19/include/llvm-c/Core.h \
  libclang-19-dev=/usr/lib/llvm-19/include/clang-c/Index.h \
  zlib1g-dev=/usr/include/zlib.h \
  gcc=gcc \
  g++=g++ \
  cmake=cmake \
  pkg-config=pkg-config \
  gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc \
  libc6-dev-arm64-cross=/usr/aarch64-linux-gnu/lib/libc.so.6 \
  qemu-user-static=qemu-aarch64-static \
  binutils=ld.bfd \
  python3=python3

## Installs the missing Debian packages, if any: as root, or through sudo.
deps:
	@missing=()
	for requirement in $(REQUIREMENTS); do
	  probe="$${requirement#*=}"
	  [[ -e "$$probe" ]] || command -v "$$probe" > /dev/null || missing+=("$${requirement%%=*}")
	done
	command -v swift > /dev/null || {
	  echo "error: no Swift toolchain found; install Swift 6.2 or later (https://swift.org/install)" >&2
	  exit 1
	}
	(( $${#missing[@]} )) || exit 0
	install=(apt-get install --yes --no-install-recommends "$${missing[@]}")
	if (( EUID == 0 )); then as_root=(env)
	elif command -v sudo > /dev/null; then as_root=(sudo)
	else
	  echo "error: these packages are missing: $${missing[*]}" >&2
	  echo "help: run as root: apt-get update && $${install[*]}" >&2
	  exit 1
	fi
	echo "installing $${missing[*]}"
	"$${as_root[@]}" apt-get update --quiet
	"$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$${install[@]}"

## Builds the compiler and the runtime.
build: deps
	swift build $(SWIFT_FLAGS)

## Checks the style, builds everything and runs every test, as CI does; ends with the test runner's own summary.
test: deps lint python-environment
	swift test $(TEST_FLAGS)

## Installs the Python package and what its tests need into .build/python; without it they are skipped. A
## machine that can get no packages goes without.
PYTHON_ENVIRONMENT := .build/python
python-environment: REQUIREMENTS += python3-venv=/usr/share/doc/python3-venv
python-environment: deps
	rm -rf $(PYTHON_ENVIRONMENT)
	mkdir -p .build
	python3 -m venv $(PYTHON_ENVIRONMENT)
	rm -rf Python/build # files that are gone from src would be installed from here
	$(PYTHON_ENVIRONMENT)/bin/pip install --quiet './Python[jax,test]' || {
	  rm -rf $(PYTHON_ENVIRONMENT)
	  echo "the tests of the Python package are skipped: their packages cannot be installed here"
	}

## The tests of the Python package alone.
test-python: build python-environment
	export MIXFUSE=$(CURDIR)/$(MIXFUSE)
	$(PYTHON_ENVIRONMENT)/bin/python -m pytest -q Python/tests/importing
	$(PYTHON_ENVIRONMENT)/bin/python -m pytest -q Python/tests --ignore=Python/tests/importing

## The tests of what is imported from PyTorch, which is not installed otherwise (about 1 GB).
test-torch: build python-environment
	export MIXFUSE=$(CURDIR)/$(MIXFUSE)
	$(PYTHON_ENVIRONMENT)/bin/pip install --quiet './Python[jax,torch,test]'
	$(PYTHON_ENVIRONMENT)/bin/python -m pytest -q Python/tests/exported Python/tests/test_torch.py Python/tests/test_notebooks.py

## A wheel with the compiler in it, for machines without Swift, LLVM and C compilers: .build/wheel/*.whl
WHEEL_FOLDER := .build/wheel
wheel: REQUIREMENTS += patchelf=patchelf python3-venv=/usr/share/doc/python3-venv
wheel: deps
	swift build $(SWIFT_FLAGS) --static-swift-stdlib --scratch-path .build-wheel --product mixfuse
	rm -rf $(WHEEL_FOLDER)
	python3 -m venv $(WHEEL_FOLDER)/environment
	$(WHEEL_FOLDER)/environment/bin/python Python/wheel.py .build-wheel/release/mixfuse $(WHEEL_FOLDER)

## Installs that wheel into a root that has nothing but Python and NumPy, and builds, runs and verifies there.
test-wheel: wheel
	sudo=(); (( EUID == 0 )) || sudo=(sudo)
	"$${sudo[@]}" $(WHEEL_FOLDER)/environment/bin/python Python/tests/wheel_root.py $(WHEEL_FOLDER)

## Tries the compiler and its libraries on random and damaged input for MINUTES, and ends with a table of counts;
## what fell lies in soak-failures, with the command that repeats it.
MINUTES := 20
soak: REQUIREMENTS += libclang-rt-19-dev=/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.asan-x86_64.a
soak: build
	.build/release/mixfuse-soak --minutes $(MINUTES)

## Compiles an example, verifies it, and meta-trains another on real data.
demo: build
	mkdir -p $(DEMO_FOLDER)
	$(MIXFUSE) build Examples/maml_sinusoid.mix -o $(DEMO_FOLDER)
	$(MIXFUSE) verify Examples/maml_sinusoid.mix
	$(MIXFUSE) train Examples/mnist1d_lr.mix --data Examples/data/mnist1d.npz --optimizer sgd --rate 0.3 --outer-steps 50 --init lr=1.5 --out $(DEMO_FOLDER)/mnist1d_lr --overwrite
	echo "the learning curve is in $(DEMO_FOLDER)/mnist1d_lr:"
	ls $(DEMO_FOLDER)/mnist1d_lr

## Measures generated libraries against JAX, side by side: about ten minutes, of which one installs JAX.
bench: build
	python3 Benchmarks/small_models.py
	python3 Benchmarks/chinchilla.py

## Plans the 405 configurations of the paper's sweep in three derivations, as a table and a plot.
sweep: build
	$(MIXFUSE) sweep Examples/chinchilla_{maml,learning_lr,loss_weighting}.mix \
	  --preset 57M --preset 106M --preset 163M --preset 217M --preset 306M \
	  --vary steps=2,4,8 --vary batch=2,4,8 --vary seq=2048,4096,8192 \
	  --csv Benchmarks/results/sweep.csv --svg Benchmarks/results/sweep.svg

## Formats every Swift source in place.
format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks/kernels

## Checks formatting and style without changing anything.
lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks/kernels

## Removes everything that was built.
clean:
	rm -rf .build .build-tests
