.PHONY: install demo test verify generate engine bench clean
KEEP ?=
NAME ?=

install: ## The locked dependencies; every other target does it too.
	@tools/prepare.sh

demo: ## Plays the main job on screen; KEEP=1 leaves it running.
	@KEEP=$(KEEP) tools/make.sh demo

test: verify ## Everything, with real servers.

verify: ## Format, lint, types, contract, unit and integration tests.
	@tools/make.sh verify

generate: ## Codecs and tables from proto/.
	@tools/make.sh generate

engine: ## Rebuilds the two .wasm and compares their hashes.
	@crates/group-engine/build.sh

bench: ## Every figure, or those of NAME.
	@tools/make.sh bench $(NAME)

clean:
	@tools/clean.sh
