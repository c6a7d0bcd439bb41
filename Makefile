# Two commands for a newcomer: `make demo` and `make test`. Both install what is missing.
PRESET ?= release
BUILD := build/$(PRESET)

.PHONY: all build test demo bootstrap bench clean
all: build

bootstrap:
	@scripts/bootstrap.sh

build: bootstrap
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)
	cmake --build --preset $(PRESET)

test: build
	scripts/test.sh $(BUILD)

demo: build
	scripts/demo.sh $(BUILD)

# Wall time and memory beside the peers of bench/peers.
bench: build
	scripts/bench.sh $(BUILD)

clean:
	rm -rf build
