# p2pnode. `make` builds, `make test` tests in less than three minutes, `make check` is what a commit must pass.
GO          ?= go
BIN         ?= bin/p2pnode
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 1500x
RACETIME    ?= 8m
SEEDS       ?= 1000

.PHONY: all build test race fuzz sim vet fmt static processes check demo clean help

all: build

build: ## the binary, in bin/
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/p2pnode

test: ## all tests
	$(GO) test -timeout 5m ./...

race: ## all tests that are quick enough, under the race detector
	.ci/race $(GO) test -race -short -timeout $(RACETIME) ./...

# A count and not a time: Go before 1.27 now and then calls the end of the time a failure (golang/go#75804).
fuzz: ## every fuzz target for FUZZTIME each: so many inputs, or a time, as 60s
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -h --include='*_test.go' '^func Fuzz' $$dir/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
			echo "== $$dir $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$dir; \
		done; \
	done

sim: ## SEEDS simulated clusters from seed FROM (random), 120 virtual seconds of faults each; SEED=s replays one with its trace
	@from=$(if $(FROM),$(FROM),$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')); \
	if [ -n "$(SEED)" ]; then args="-sim.seed $(SEED)"; else args="-sim.seeds $(SEEDS) -sim.from $$from"; fi; \
	echo "seeds: $$args"; \
	$(GO) test ./node -count=1 -run '^TestSwarm$$' $$args -sim.for 120s -v -timeout 30m

vet: ## go vet
	$(GO) vet ./...

fmt: ## fails where gofmt would change something
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt -w $$out"; exit 1; fi

static: ## staticcheck, pinned
	$(GO) run $(STATICCHECK) ./...

processes: ## the tests with real processes: kill -9, partitions, floods; network namespaces where root has ip and nft
	P2PNODE_PROC=1 $(GO) test -count=1 -timeout 12m -skip '^(TestScripts$$|TestStress|TestDescription)' ./cmd/p2pnode

.PHONY: mutants crash
mutants: ## planted bugs, each of which a test must find; some minutes
	P2PNODE_MUTANTS=1 $(GO) test -count=1 -v -timeout 60m -run '^TestMutants$$' ./node

crash: ## STATES that a crash can leave of store and results (100000)
	$(GO) test -count=1 -v -timeout 30m -run '^Test(Crash|Fault)AtEveryOperation$$' ./node -crash.states $(or $(STATES),100000)

.PHONY: formats
formats: build ## PNG files of other people's encoders through the binary, and what other people's decoders say: pngcheck, pngfix, netpbm, ImageMagick
	.ci/formats $(BIN)

.PHONY: targets
targets: ## the promises of docs/PROTOCOL.md §7 and §4: RUNS (1000) of each cell, HOURS (100) without a fault, MESSAGES; rewrites docs/TESTING.md
	@mkdir -p bin; ok=true; \
	$(GO) test ./node -count=1 -v -timeout 24h -run '^TestTargets$$' -targets.runs $(or $(RUNS),1000) -targets.hours $(or $(HOURS),100) -targets.out $(CURDIR)/bin/targets.md || ok=false; \
	$(GO) test ./wire -count=1 -v -timeout 24h -run '^TestDeliveryTargets$$' -targets.messages $(or $(MESSAGES),30000000) -targets.out $(CURDIR)/bin/delivery.md || ok=false; \
	.ci/table targets docs/TESTING.md bin/targets.md bin/delivery.md; $$ok

# LOSS, DELAY, JITTER, REORDER, DUP, CORRUPT, BURST (tc's gemodel, instead of LOSS), RATE and LIMIT are what every host's sending
# suffers: from tc netem, or, where the kernel has none, from a relay in user space. BY=tc or BY=relay wants one of them.
NETEM_TOOL ?= ../shared/tools/run-with-netem.sh
LOSS       ?= 20%
DELAY      ?= 25ms
NETEM       = loss $(if $(BURST),gemodel $(BURST),$(LOSS)) delay $(DELAY) $(JITTER) $(if $(REORDER),reorder $(REORDER)) $(if $(DUP),duplicate $(DUP)) $(if $(CORRUPT),corrupt $(CORRUPT)) $(if $(RATE),rate $(RATE)) $(if $(LIMIT),limit $(LIMIT))
NETEM_TEST  = P2PNODE_PROC=1 P2PNODE_NETEM_JOBS=$(JOBS) P2PNODE_NETEM_BY=$(BY) $(GO) test -count=1 -v ./cmd/p2pnode

.PHONY: netem netem-bulk netem-matrix netem-stress netem-ci
netem: ## as root: three servers and a client behind a bad network, leader and worker killed: LOSS=20% DELAY=25ms REORDER= DUP= CORRUPT= BURST= RATE= JOBS=
	P2PNODE_NETEM='$(NETEM)' $(NETEM_TEST) -timeout 20m -run '^TestNetem$$'

netem-bulk: ## as root: 1 MiB up and down over one connection and over several, RUNS (5) of each; then two clients in a narrow way
	P2PNODE_NETEM='$(NETEM)' P2PNODE_NETEM_BULK=$(or $(RUNS),5) $(NETEM_TEST) -timeout 30m -run '^TestNetem(Bulk|BulkBack|Fair)$$'

netem-matrix: ## as root: all conditions of docs/TESTING.md, whose table is rewritten
	@mkdir -p bin; rm -f bin/netem.md
	P2PNODE_NETEM_MATRIX='$(CURDIR)/bin/netem.md' $(NETEM_TEST) -timeout 90m -run '^TestNetemMatrix$$'
	@test ! -f bin/netem.md || .ci/netem-table bin/netem.md docs/TESTING.md

STRESS ?= --clients 30 --rate 8 --duration 10m --fault-ring interval=30s,down=10s
netem-stress: ## as root: STRESS, what `p2pnode stress` gets, from one host to three servers behind that network; REPORT=path writes its .json and .html
	P2PNODE_NETEM='$(NETEM)' P2PNODE_STRESS='$(STRESS)' P2PNODE_STRESS_REPORT='$(abspath $(REPORT))' $(NETEM_TEST) -timeout 60m -run '^TestNetemStress$$'

netem-ci: ## a small cut of make netem: by the relay here, and by tc netem, in a guest where this kernel has none
	P2PNODE_NETEM='$(NETEM)' P2PNODE_PROC=1 P2PNODE_NETEM_JOBS=1 P2PNODE_NETEM_BY=relay $(GO) test -count=1 -v ./cmd/p2pnode -timeout 3m -run '^TestNetem$$'
	.ci/netem $(NETEM_TOOL) '^TestNetemCut$$' 'P2PNODE_NETEM=$(NETEM)' P2PNODE_NETEM_BY=tc

CHAOSTIME ?= 4h
CHAOS = P2PNODE_PROC=1 P2PNODE_CHAOS='seed=$(SEED) kills=$(KILLS) minutes=$(MINUTES) nodes=$(NODES)' $(GO) test -count=1 -v -run '^TestChaos$$' ./cmd/p2pnode

.PHONY: chaos chaos-ci chaos-clock
chaos: ## every fault there is on real servers at work, in an order drawn from SEED; KILLS=60 MINUTES=0 NODES=3 at least; as root with ip and nft: partitions, loss and full disks too
	$(CHAOS) -timeout $(CHAOSTIME)

chaos-ci: ## a short cut of make chaos: every fault once, 20 kills, always the same script
	$(MAKE) --no-print-directory chaos SEED=1 KILLS=20 CHAOSTIME=6m

chaos-clock: ## the clock set to and fro under servers at work, in a guest whose clock is its own
	.ci/netem $(NETEM_TOOL) '^TestChaosClock$$' P2PNODE_CHAOS_CLOCK='seed=$(SEED)'

.PHONY: bench
bench: ## ratios to anchors measured in the same run; rewrites docs/BENCHMARKS.md. P2PNODE_PHOTOS=DIR takes your own PNG and JPEG files
	.ci/bench docs/BENCHMARKS.md

check: fmt vet static test ## what a commit must pass

demo: ## a whole cluster here, with kill -9 in the middle of jobs
	$(GO) run ./cmd/p2pnode demo

clean: ## remove what was built
	rm -rf bin out

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)
