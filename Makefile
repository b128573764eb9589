# Two commands are enough: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# Every target needs the npm packages first, and two builds at once are no faster.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# Node and every tool come from the lockfile. The machine's own are not used.
export PATH := $(CURDIR)/node_modules/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

SOURCES := $(shell find cmd sys net cni kube plugins ipam -name '*.ts' ! -name '*.test.ts')

JUDGE := $(shell find conformance sys ! -name '*.test.ts' \( -name '*.ts' -o -name '*.json' \))

.PHONY: help setup packages build build-pkg conformance test lint fmt demo bench release clean vm test-vm

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## npm packages, system packages, reference plugins; what is there already is left alone
	@tools/setup all

packages:
	@tools/setup npm

build: packages dist/hawser ## dist/hawser (Bun) and its links
	@:

build-pkg: packages dist/hawser-node ## dist/hawser-node: the same sources on Node, through pkg
	@:

# The executable names its commit. So this file changes when the commit does, and at no other time.
build/commit: packages
	@node tools/build.ts commit

build/hawser.cjs: build/commit $(SOURCES) package.json package-lock.json tools/build.ts
	@echo "==> bundle"
	@node tools/build.ts bundle

dist/hawser: build/commit $(SOURCES) package.json package-lock.json tools/build.ts
	@echo "==> compile dist/hawser with Bun"
	@node tools/build.ts bun

dist/hawser-node: build/hawser.cjs
	@echo "==> compile dist/hawser-node with pkg"
	@node tools/build.ts pkg

dist/hawser-arm64: build/commit $(SOURCES) package.json package-lock.json tools/build.ts
	@echo "==> compile dist/hawser-arm64 with Bun"
	@node tools/build.ts arm64

dist/hawser-conformance: build/commit $(JUDGE) package.json package-lock.json tools/build.ts
	@echo "==> compile dist/hawser-conformance with Bun"
	@node tools/build.ts conformance

conformance: setup build build-pkg dist/hawser-conformance ## try our plugins, as both builds, against the specification
	@conformance/run

test: setup lint build build-pkg dist/hawser-conformance ## everything that CI runs
	@echo "==> tests"
	@vitest run

lint: packages ## types, style, import directions
	@echo "==> lint"
	@tsc --noEmit
	@biome check --log-level=warn --error-on-warnings
	@node tools/tidy/main.ts

fmt: packages ## format what can be formatted
	@biome check --write --log-level=warn

demo: setup build ## two pods on three networks, from ADD to nothing left
	@node tools/demo/main.ts

bench: setup build ## side by side, as ratios, with ceilings
	@node --disable-warning=ExperimentalWarning bench/main.ts

vm: setup build dist/hawser-conformance ## SCRIPT=... runs it in a virtual machine with another kernel
	@tools/vm/run $(SCRIPT)

test-vm: setup build dist/hawser-conformance ## what needs another kernel: link types, devices, a hundred power cuts
	@tools/vm/test

release: packages build build-pkg dist/hawser-arm64 ## dist/release: archives, checksums, bill of materials
	@node tools/release/main.ts

clean: ## what was built
	rm -rf build dist
