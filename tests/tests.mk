# What `make check` runs, from basic to complex: the first failure tells the most.
#
# Python and Node packages are pinned (tests/requirements.txt, tests/integration/package-lock.json).

VENV   := build/venv
# Once more, for real processes on a machine that others use as well; it is told which ones needed it.
PYTEST := $(VENV)/bin/python -m pytest -q -x --reruns 1 -r R
BOWFIN_TEST_ENV = BOWFIN_BIN=$(abspath $(BIN))/bowfin BFCTL_BIN=$(abspath $(BIN))/bfctl

ifeq ($(SAN),)
check: deps-test all lint unit fuzz-corpus torture-quick flow integration
else
check: deps-test all unit flow
endif
	@echo "check: all parts passed ($(MODE)$(if $(SAN), $(SAN)))"

unit: $(UNIT_BIN) $(REPLAY_BIN) $(SIM_BIN)
	@sh tools/run_tests.sh unit $(UNIT_BIN)
	@$(if $(REPLAY_BIN),$(REPLAY_BIN) tests/replay/scenarios)
	@$(if $(REPLAY_BIN),$(REPLAY_BIN) --property 1 1000)
	@sh tools/run_tests.sh sim $(SIM_BIN)

# The table of bad days: the gateway's weights beside others and an oracle, in virtual time.
simulate: $(SIM_BIN)
	@$(SIM_BIN)

# The same days with real processes, DAYS seconds of each; the table is printed. `make flow` has short ones.
days: all $(VENV)/.stamp
	BOWFIN_DAYS_SECONDS=$(or $(DAYS),20) $(BOWFIN_TEST_ENV) $(PYTEST) -s tests/flow/test_bad_days.py

torture-quick: $(TORTURE_BIN) all
	@sh tools/run_tests.sh torture $(TORTURE_BIN)

# The same, and money under kill -9: 1,000 rounds of 500 requests take an hour; `make flow` has 60 of 120.
torture: torture-quick $(VENV)/.stamp
	BOWFIN_MONEY_ROUNDS=$(or $(ROUNDS),1000) BOWFIN_MONEY_REQUESTS=$(or $(REQUESTS),500) \
		$(BOWFIN_TEST_ENV) $(PYTEST) -s tests/flow/test_money_torture.py

fuzz-corpus: $(FUZZ_REPLAY)
	@sh tools/fuzz.sh corpus $(BUILD)/tests/fuzz

fuzz: deps-test
	@sh tools/fuzz.sh run $(T)

$(VENV)/.stamp: tests/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
	@touch $@

flow: all $(VENV)/.stamp
	@sh tests/flow/h2spec/install.sh build/tools/h2spec
	$(BOWFIN_TEST_ENV) $(PYTEST) tests/flow

$(VENV)/.stamp-sdk: tests/integration/requirements.txt $(VENV)/.stamp
	$(VENV)/bin/pip install -q --disable-pip-version-check -r tests/integration/requirements.txt
	@touch $@

integration: all $(VENV)/.stamp-sdk
	@cd tests/integration && sh install.sh
	$(BOWFIN_TEST_ENV) $(PYTEST) tests/integration

# Every SDK against every upstream dialect, written into tests/README.md; goes on after a failure.
matrix: all $(VENV)/.stamp-sdk
	@cd tests/integration && sh install.sh
	BOWFIN_MATRIX=write $(BOWFIN_TEST_ENV) $(VENV)/bin/python -m pytest -q --tb=short tests/integration/matrix

# Programs that are too large for every run: coding agents as clients, a real model as provider.
check-real: all $(VENV)/.stamp-sdk
	@cd tests/integration && sh install.sh
	@cd tests/agents && sh install.sh
	@sh tests/real/install.sh build/real
	$(BOWFIN_TEST_ENV) $(PYTEST) tests/agents
	$(BOWFIN_TEST_ENV) $(PYTEST) tests/real

bench: deps-test all $(RESOLVE_BIN)
	@$(BOWFIN_TEST_ENV) BENCH_RESOLVE=$(abspath $(RESOLVE_BIN)) sh tools/bench/run.sh

lint:
	@sh tools/lint/run.sh
