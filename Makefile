# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

static := palmhost palmvault palmlaunch palmctl
vision := palmd palmsim
sources := $(shell git ls-files -co --exclude-standard '*.go' go.mod go.sum 2>/dev/null)

# The vault is measured, so its bytes must depend on nothing but the source. runtimesecret erases what keys leave behind
# (package enclave/vault/memory).
reproducible := CGO_ENABLED=0 GOEXPERIMENT=runtimesecret go build -trimpath -buildvcs=false -ldflags '-s -w -buildid='

.PHONY: help setup tools build demo test check cross arm bench bench-peers fit fuzz crash clean repro mutants image kernel uboot vm goldens faults soak

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

setup: tools ## install what building and testing need and this machine lacks
	@scripts/setup test

tools:
	@scripts/setup

build: tools ## build the programs into build/bin
	@mkdir -p build/bin
	@for p in $(static); do $(reproducible) -o build/bin/$$p ./cmd/$$p; done
	@. scripts/env.sh; for p in $(vision); do go build -trimpath -tags "$$TAGS" -ldflags "$$LDFLAGS" -o build/bin/$$p ./cmd/$$p; done

demo: build ## enrol and recognise synthetic palms: device, host and vault as processes; on a terminal a page to drive them stays
	@build/bin/palmsim demo $$(test -t 1 && echo --bench) $(DEMO)

# The virtual machine comes last and alone, and briefly, so that the whole stays under 20 minutes on two cores; `make vm` plays all.
test: setup build ## every test, and the beginning of what make vm plays
	@. scripts/env.sh; VOLAR_BIN=$(CURDIR)/build/bin go test -tags "$$TAGS" -ldflags "$$LDFLAGS" -timeout 20m ./...
	@VOLAR_BIN=$(CURDIR)/build/bin scripts/vm brief

generated := enclave/vault/kernel/kernels_amd64.s enclave/vault/kernel/kernels_amd64.go

check: tools ## formatting, vet, staticcheck, assembly as generated
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "check: run gofmt -w on these" >&2; exit 1; }
	@. scripts/env.sh; go vet -tags "$$TAGS" ./... && go tool staticcheck -tags "$$TAGS" ./...
	@before=$$(cat $(generated) | sha256sum); go generate ./enclave/vault/kernel; test "$$before" = "$$(cat $(generated) | sha256sum)" || \
		{ echo "check: $(generated) were not what their generator writes; they are now" >&2; exit 1; }

# The packages that do not reach OpenCV, which is most of them.
pure = $$(CGO_ENABLED=0 go list -e -f '{{.ImportPath}} {{join .Deps " "}}' ./... | grep -v gocv | cut -d' ' -f1)

cross: ## build every program for arm64 into build/bin-arm64
	@scripts/setup arm64
	@mkdir -p build/bin-arm64
	@for p in $(static); do GOARCH=arm64 $(reproducible) -o build/bin-arm64/$$p ./cmd/$$p; done
	@ARCH=arm64; . scripts/env.sh; for p in $(vision); do go build -trimpath -tags "$$TAGS" -ldflags "$$LDFLAGS" -o build/bin-arm64/$$p ./cmd/$$p; done

arm: ## test for arm64, under qemu-user: the packages without OpenCV, and the device program with it
	@scripts/setup arm64
	@GOARCH=arm64 CGO_ENABLED=0 go test -vet=off -exec qemu-aarch64-static -timeout 60m $(pure)
	@ARCH=arm64; . scripts/env.sh; go test -vet=off -tags "$$TAGS" -ldflags "$$LDFLAGS" -exec "qemu-aarch64-static -L $$S" -timeout 60m ./firmware/vision ./cmd/palmd

bench: ## what an identification's speed rests on, as one table (BENCH=--json for machines); compare ratios inside one run
	@CGO_ENABLED=0 go run ./bench $(BENCH)

crash: tools ## kill a gallery's process at every write, fsync, rename and counter operation, and fail each of them
	@CGO_ENABLED=0 VOLAR_CRASH=all go test -count=1 -v -timeout 60m ./cmd/internal/crash

bench-peers: ## the coarse stage beside FAISS, OpenCV and plain Go on the same codes; installs FAISS
	@scripts/bench-peers $(BENCH)

goldens: tools ## the reference corpus of testdata and its goldens anew: after a change of the firmware that was meant
	@mkdir -p build/bin
	@. scripts/env.sh; go build -trimpath -tags "$$TAGS" -ldflags "$$LDFLAGS" -o build/bin/palmsim ./cmd/palmsim
	@rm -f testdata/corpus/corpus.json
	@build/bin/palmsim corpus --out testdata/corpus --small --seed 3
	@build/bin/palmsim replay testdata/corpus --golden testdata/corpus --update-golden

faults: build ## let cameras, parts, network, vault and processes fail while people use the device
	@build/bin/palmsim faults $(FAULTS)

soak: build ## ten minutes of people coming while processes are killed: does anything grow?
	@build/bin/palmsim soak --hours 0.167

repro: ## build the measured programs twice in different surroundings and compare
	@scripts/repro env $(reproducible)

mutants: ## switch each defence off in turn: its test must go red (internal/mutants)
	@go run ./internal/mutants

FUZZTIME ?= 60s
fit: ## fit how far strangers lie apart to synthetic palms: writes enclave/vault/matcher/fitted.go
	@CGO_ENABLED=0 go test ./enclave/vault/matcher -run 'TestFit$$' -fit -timeout 60m -v

fuzz: setup ## every fuzz target for FUZZTIME (60s) each
	@scripts/fuzz $(FUZZTIME)

BOARD ?= qemu-virt
VERSION ?= 0.1.0
KEY ?= build/keys
# U-Boot and Linux are built with make too, and have variables of these names.
MAKEOVERRIDES =
unexport BOARD VERSION KEY
image: ## a disk image of BOARD (qemu-virt) as VERSION, signed with the keys in KEY, checked; into build/image
	@rm -rf build/image/$(BOARD)-$(VERSION)
	@scripts/image $(BOARD) $(VERSION) $(KEY) $(IMAGE)
	@build/image/palmctl image verify build/image/$(BOARD)-$(VERSION) --key $(KEY)

uboot: ## the boot loader of BOARD, kept while its inputs are the same
	@scripts/setup image; scripts/uboot $(BOARD)

kernel: ## the product kernel for all boards, 20 minutes of CPU, kept while its inputs are the same
	@scripts/setup image; scripts/kernel product

vm: build ## a unit's life in a virtual machine: image, provisioning, waves, updates, power cuts, pulled cables
	@VOLAR_BIN=$(CURDIR)/build/bin scripts/vm whole

clean: ## remove build/
	@rm -rf build
