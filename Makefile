# What can be done here; `make` alone lists it. Everything that is generated goes under the target folder.
SHELL := /bin/bash
# cargo is always called with --workspace: with -p it would compile the AWS SDK once per package, as features differ.
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.DEFAULT_GOAL := help
.PHONY: help setup build handlers release-handlers sandbox demo test lint docs clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-17s %s\n", $$1, $$2 }'

setup: ## Check the needed programs, install the sandbox AWS into the target folder
	@tools/setup-sandbox

handlers: ## Build the Lambda handlers for this machine's architecture
	@tools/build-handlers

release-handlers: ## Build the Lambda handlers for x86_64 and arm64, optimised (about 20 minutes)
	@tools/build-handlers --release

build: handlers ## Build the provider with the handlers in it
	@cargo build --workspace --bin terraform-provider-tap

sandbox: setup build ## Start the sandbox AWS and print what to export; Ctrl-C ends it
	@cargo build --quiet --workspace --bin sandbox
	@"$(CARGO_TARGET_DIR)/debug/sandbox"

demo: setup build ## Three acts on the sandbox: webhook pipeline, observability stack watching it, payments over two regions
	@cargo build --quiet --workspace --bin demo
	@"$(CARGO_TARGET_DIR)/debug/demo"

test: ## Format, lint, licences, unit, engine, plugin, handler, docs and acceptance tests
	@tools/run-tests

lint: ## Format and lint checks only
	@tools/run-tests format lint licences

docs: ## Write the registry documentation from the schemas
	@tools/docs

clean: ## Remove the sandbox's logs, mirrors and environments, not what cargo built
	@rm -rf "$(CARGO_TARGET_DIR)/sandbox" "$(CARGO_TARGET_DIR)/mirror" "$(CARGO_TARGET_DIR)/venv" "$(CARGO_TARGET_DIR)/venv-release" "$(CARGO_TARGET_DIR)/debian-rust"
