# Two commands for a newcomer: `make demo` and `make test`. Both install what is missing.
PRESET ?= release
BUILD := build/$(PRESET)

.PHONY: all program build test check demo bootstrap bench clean
all: program

bootstrap:
	@scripts/bootstrap.sh

program: bootstrap
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)
	cmake --build --preset $(PRESET) --target deltascape_cli

build: bootstrap
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)
	cmake --build --preset $(PRESET)

test: build
	@scripts/bootstrap.sh --tests
	scripts/test.sh $(BUILD)

# What continuous integration looks at beside the tests: clang-tidy, and the tests of the rooms under sanitizers.
check: bootstrap
	@scripts/bootstrap.sh --tests
	scripts/check.sh $(BUILD)

demo: program
	scripts/demo.sh $(BUILD)

# Wall time and memory beside the peers of bench/peers.
bench: program
	scripts/bench.sh $(BUILD)

clean:
	rm -rf build
