# checkpoint: long user-defined-function work that survives failure

MODULE_big = checkpoint
EXTENSION = checkpoint
DATA = $(wildcard sql/*--*.sql)
DOCS := $(wildcard doc/*.md doc/*.yaml)
OBJS := $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

# Headers of PostgreSQL 15 declare functions without their arguments, which means
# none since C23, the default of newer compilers.
PG_CFLAGS = -std=gnu11 -Wall -Wextra $(SERVER_HEADER_WARNINGS)
# What -Wextra finds in the server's own headers and in fmgr's calling
# convention.
SERVER_HEADER_WARNINGS = -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif

names = $(sort $(basename $(notdir $(wildcard $(1)))))

REGRESS := $(call names,test/sql/*.sql)
REGRESS_OPTS = --inputdir=test --load-extension=checkpoint

# Results go where those of REGRESS go, since the expected outputs are looked for
# there, too.
ISOLATION := $(call names,test/specs/*.spec)
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=checkpoint

# Where the server finds what tests have in common.
installcheck: export PGOPTIONS := $(PGOPTIONS) -c test.dir=$(CURDIR)/test
# A step of an isolation test that hangs is cancelled after so many seconds, or, since
# version 16, after twice as many as the second says, which TAP tests wait for things, too.
installcheck: export PGISOLATIONTIMEOUT ?= 600
installcheck: export PG_TEST_TIMEOUT_DEFAULT ?= 300
installcheck: export PGCTLTIMEOUT ?= 300
# What the servers of TAP tests have in common.
installcheck: export TEMP_CONFIG = $(CURDIR)/test/server.conf

ifneq ($(wildcard test/t/*.pl),)
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The version is said in the control file alone.
override CPPFLAGS := $(CPPFLAGS) -DCKPT_VERSION='"$(shell sed -n "s/^default_version = '\(.*\)'/\1/p" checkpoint.control)"'

# A folder of our own: other extensions' documents have such names, too.
docmoduledir := extension/checkpoint

$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h) checkpoint.control

# Before PostgreSQL 16 every symbol that is not static can be seen by the
# server and by all that it loads, so each must carry one of our prefixes.
.PHONY: symbols
symbols: all
	@nm -D --defined-only $(shlib) | awk '{ print $$3 }' | \
	{ ! grep -vE '^(checkpoint_|ckpt_|pg_finfo_checkpoint_|_PG_init$$|Pg_magic_func$$)'; } || \
	{ echo 'error: the library exports the symbols above'; exit 1; }

# Packages, from what is committed, left at the top.
.PHONY: dist deb
dist:
	packaging/dist
deb:
	packaging/deb '$(PG_CONFIG)'

.PHONY: bench
bench:
	test/bench/run

# The random faults, twenty times with other seeds: about twenty minutes.
.PHONY: faults
faults:
	for seed in $$(seq 1 20); do SEED=$$seed test/run 010_random_faults || exit 1; done
