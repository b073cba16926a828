# Hostsync's commands. Each is a script or a cargo call, so nothing here is worth reading twice.

.PHONY: help demo test bench soak chaos lint audit man screenshots deb deb-test image

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 14

demo: ## a ZooKeeper, both daemons, a name that follows its znode, a killed leader (root or sudo)
	@scripts/demo

test: ## install what is missing, build, and run every test
	@scripts/test

bench: ## propagation and walk as ratios to their floors, what a change costs, DNS as ratios to dnsmasq
	@scripts/setup bench
	cargo build --release
	cargo bench --package benches

SECONDS = 60
UPDATES = 1000
NAMES = 100
WRITER = both
soak: ## readers of a bind-mounted hosts file while it changes 1,000 times a second (root)
	@scripts/setup
	cargo build --release
	cargo run --release --quiet --package soak -- --seconds $(SECONDS) --updates $(UPDATES) --names $(NAMES) --writer $(WRITER)

SEED =
chaos: ## break both daemons, ZooKeeper and the network at random, SECONDS long; the same SEED does the same; NAMES=20000: with many names (root)
	@scripts/setup
	cargo build
	cargo run --quiet --package chaos -- --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) \
		$(if $(filter command line,$(origin NAMES)),--names $(NAMES))

lint: ## formatting, clippy, shellcheck, and the licences and sources of dependencies
	@scripts/lint

audit: ## dependencies with known faults, by the RustSec database (needs a network)
	@scripts/audit

man: ## write man/ and completions/ from the command lines
	@scripts/man

screenshots: ## pictures of the pages in docs/, of both daemons at work
	@scripts/setup test
	cargo build
	cargo run --quiet --package lab --bin screenshots

deb: ## Debian packages of both daemons, checked by lintian
	@scripts/deb

deb-test: ## install, upgrade, remove and purge the packages (needs a Docker engine)
	@scripts/deb-test

image: ## the images nameserver and hostsync, from scratch (needs a Docker engine)
	@docker/build
