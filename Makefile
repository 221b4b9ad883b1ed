# usher: one file, no recursion. `make help` lists the targets.
#
#   make                 build/usher, usher-worker, usher-fetch, usher-lab (release)
#   make VARIANT=asan    the same under build/asan with AddressSanitizer and UBSan (also: clang, tsan)
#   make check           everything that must pass; check-fast T=saml: the unit programs of one folder
#   BUILD=dir            another build tree, so that two builds do not meet

MAKEFLAGS += --no-print-directory

VARIANT ?= release
BUILD ?= build
B := $(if $(filter release,$(VARIANT)),$(BUILD),$(BUILD)/$(VARIANT))
PREFIX ?= /usr/local
ROOT := $(CURDIR)
WERROR ?= -Werror

# --- packages -------------------------------------------------------------------------------------------------------
DEPS := build-essential pkg-config libevent-dev node-llhttp libxml2-dev libxmlsec1-dev libssl-dev libsodium-dev zlib1g-dev \
	libseccomp-dev libcurl4-openssl-dev libsqlite3-dev libjansson-dev libfyaml-dev libidn2-dev libsmartcols-dev uthash-dev ca-certificates
DEPS_CHECK := libcmocka-dev clang llvm libclang-rt-14-dev clang-format xmlsec1 simplesamlphp php-cli php-xml php-mbstring \
	nginx-light libnss3-tools sqlite3 curl jq wrk perl openssl chromium-headless-shell

PKGS_base := libsodium libfyaml libidn2 libcrypto zlib
PKGS_saml := xmlsec1-openssl libxml-2.0 libcrypto
PKGS_policy :=
PKGS_accounts := sqlite3 libsodium jansson
PKGS_provisioning :=
PKGS_http := libevent libevent_openssl libssl
PKGS_router := libevent jansson
PKGS_cli := smartcols jansson
# the two processes that the others start: verification from base and saml alone, fetching from base and libcurl alone
PKGS_worker := libseccomp
PKGS_fetch := libcurl
PKGS_lab := xmlsec1-openssl libxml-2.0 libcrypto libevent
PKGS_ALL := $(sort $(foreach f,base saml accounts http router cli lab,$(PKGS_$(f))))

# --- flags ----------------------------------------------------------------------------------------------------------
CC := $(if $(filter clang asan-clang fuzz cov,$(VARIANT)),clang,gcc)
WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual -Wundef -Wswitch-enum \
	-Wpointer-arith -Wwrite-strings -Werror=implicit-function-declaration -Werror=int-conversion $(WERROR)
WARN_base := -Wconversion
WARN_saml := -Wconversion
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
OPT_release := -O2 -g -D_FORTIFY_SOURCE=3
OPT_clang := -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT_cov := -O1 -g -fprofile-instr-generate -fcoverage-mapping
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BASE_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -MMD -MP $(HARDEN) $(OPT_$(VARIANT)) -ffile-prefix-map=$(ROOT)=.
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize=% -fprofile-%,$(OPT_$(VARIANT)))
LLHTTP_DIR := $(shell pkg-config --variable=dummy libllhttp 2>/dev/null && echo pkg)
ifeq ($(LLHTTP_DIR),)
LLHTTP_CFLAGS := -I/usr/include/llhttp -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
endif
cflags_for = $(if $(PKGS_$(1)),$(shell pkg-config --cflags $(PKGS_$(1)) 2>/dev/null))

# --- sources: one archive per folder, linked in ladder order --------------------------------------------------------
FOLDERS := base saml policy accounts provisioning http router cli lab
SRC_http := $(sort $(wildcard router/http/*.c))
$(foreach f,$(filter-out http,$(FOLDERS)),$(eval SRC_$(f) := $(sort $(wildcard $(f)/*.c))))
# main() lives in these; they are not in the archives
MAIN_cli := cli/main.c cli/usher_worker.c cli/usher_fetch.c
MAIN_lab := lab/main.c
GEN_C := $(B)/gen/pages.c

LINK_base := base
LINK_saml := saml base
LINK_policy := policy base
LINK_accounts := accounts policy base
LINK_provisioning := provisioning accounts policy saml base
LINK_http := http llhttp base
LINK_router := router http llhttp provisioning accounts policy saml base
LINK_cli := cli $(LINK_router)
LINK_lab := lab http llhttp saml base

LIBS := $(shell pkg-config --libs $(PKGS_ALL) 2>/dev/null) -lpthread -lm
archives = $(foreach f,$(LINK_$(1)),$(B)/lib$(f).a)
libs_for = $(shell pkg-config --libs $(foreach f,$(LINK_$(1)),$(PKGS_$(f))) 2>/dev/null) -lpthread -lm

.PHONY: all
all: $(B)/usher $(B)/usher-worker $(B)/usher-fetch $(B)/usher-lab

define folder_rules
OBJ_$(1) := $$(patsubst %.c,$(B)/obj/%.o,$$(filter-out $$(MAIN_$(1)),$$(SRC_$(1))))
CF_$(1) := $$(call cflags_for,$(1))
$$(OBJ_$(1)) $$(patsubst %.c,$(B)/obj/%.o,$$(MAIN_$(1))): FOLDER_CFLAGS = $$(WARN) $$(WARN_$(1)) $$(CF_$(1)) $$(if $$(filter http,$(1)),$$(LLHTTP_CFLAGS))
$(B)/lib$(1).a: $$(OBJ_$(1))
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
Q := $(if $(V),,@)
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) $(BASE_CFLAGS) $(FOLDER_CFLAGS) $(EXTRA_CFLAGS) -c -o $@ $<

# llhttp is Debian's C source (node-llhttp); the strict macro must be on (version 8 without it accepts "X-User : a")
LLHTTP_SRC := $(wildcard /usr/share/llhttp/*.c)
$(B)/obj/llhttp/%.o: /usr/share/llhttp/%.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(LLHTTP_CFLAGS) -Wno-unused-parameter -c -o $@ $<
$(B)/libllhttp.a: $(patsubst /usr/share/llhttp/%.c,$(B)/obj/llhttp/%.o,$(LLHTTP_SRC))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/usher: $(B)/obj/cli/main.o $(call archives,cli)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call archives,cli) $(call libs_for,cli)
$(B)/obj/cli/usher_worker.o: FOLDER_CFLAGS += $(call cflags_for,saml) $(call cflags_for,worker)
$(B)/usher-worker: $(B)/obj/cli/usher_worker.o $(call archives,saml)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call archives,saml) $(call libs_for,saml) $(shell pkg-config --libs $(PKGS_worker) 2>/dev/null)
# the worker as somebody who took it over would have it (tests/worker/bad_worker.c)
$(B)/bad-worker: tests/worker/bad_worker.c cli/usher_worker.c $(call archives,saml) Makefile
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) $(call cflags_for,saml) $(call cflags_for,worker) $(LDFLAGS) -o $@ $< $(call archives,saml) \
	  $(call libs_for,saml) $(shell pkg-config --libs $(PKGS_worker) 2>/dev/null)
$(B)/obj/cli/usher_fetch.o: FOLDER_CFLAGS += $(call cflags_for,fetch)
$(B)/usher-fetch: $(B)/obj/cli/usher_fetch.o $(call archives,base)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call archives,base) $(call libs_for,base) $(shell pkg-config --libs $(PKGS_fetch) 2>/dev/null)
$(B)/usher-lab: $(B)/obj/lab/main.o $(call archives,lab)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call archives,lab) $(call libs_for,lab)

# --- unit programs: tests/unit/FOLDER/NAME.c, linked from FOLDER downward -----------------------------------------------
UNIT_SRC := $(sort $(wildcard tests/unit/*/*.c))
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
T ?=
UNIT_T := $(if $(T),$(filter $(B)/unit/$(T)%,$(UNIT)),$(UNIT))
unit_folder = $(firstword $(subst /, ,$(1)))
.SECONDEXPANSION:
$(UNIT): $(B)/unit/%: tests/unit/%.c $$(call archives,$$(call unit_folder,$$*)) Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  UNIT $*")
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) -Wno-missing-prototypes $(EXTRA_CFLAGS) $(shell pkg-config --cflags $(PKGS_ALL) cmocka 2>/dev/null) $(LLHTTP_CFLAGS) \
	  $(LDFLAGS) -o $@ $< $(call archives,$(call unit_folder,$*)) $(call libs_for,$(call unit_folder,$*)) -lcmocka
# it starts workers, good ones and bad ones
$(B)/unit/router/worker $(filter $(B)/unit/cli/audit_%,$(UNIT)): | $(B)/usher-worker $(B)/bad-worker

.PHONY: unit check-fast
unit: $(UNIT)
# the unit programs of one folder (T=saml) or all, in this variant
check-fast: $(UNIT_T)
	CMOCKA_MESSAGE_OUTPUT=TAP USHER_RECORDED="$${USHER_RECORDED:-$(ROOT)/../shared/data/recorded}" prove -e '' $(UNIT_T)

# --- fuzzing: tests/fuzz/FOLDER_NAME.c with tests/corpus/FOLDER_NAME/ ---------------------------------------------------
FUZZ_SRC := $(sort $(filter-out tests/fuzz/runner.c,$(wildcard tests/fuzz/*.c)))
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(FUZZ_SRC))
REPLAY := $(patsubst %,$(B)/replay/%,$(FUZZ_NAMES))
fuzz_folder = $(firstword $(subst _, ,$(1)))
$(REPLAY): $(B)/replay/%: tests/fuzz/%.c tests/fuzz/runner.c $$(call archives,$$(call fuzz_folder,$$*)) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) -Wno-missing-prototypes $(call cflags_for,$(call fuzz_folder,$*)) $(LDFLAGS) -o $@ $< tests/fuzz/runner.c \
	  $(call archives,$(call fuzz_folder,$*)) $(call libs_for,$(call fuzz_folder,$*))
FUZZERS := $(patsubst %,$(B)/fuzz/%,$(FUZZ_NAMES))
$(FUZZERS): $(B)/fuzz/%: tests/fuzz/%.c $$(call archives,$$(call fuzz_folder,$$*)) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) -Wno-missing-prototypes $(call cflags_for,$(call fuzz_folder,$*)) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< \
	  $(call archives,$(call fuzz_folder,$*)) $(call libs_for,$(call fuzz_folder,$*))
.PHONY: replay fuzzers
replay: $(REPLAY)
fuzzers: $(FUZZERS)

# --- mutants: the path of a Response from the form to the identity, each check of it switched off once ----------------------
# Rewritten under build/mutants/src by mutate.pl; what is left of saml and base comes from the archives as it is. Logout, metadata,
# configuration and the messages between the processes are not on that path; their checks have unit programs of their own.
MUTANT_SRC := $(addprefix saml/,$(addsuffix .c,algorithm check decrypt dom dsig dsig_c14n dsig_transform encrypted encrypted_dom judge \
	locate prescan read reader recheck token verify xmlchar)) base/clock.c base/email.c base/encode.c base/form.c
# what is not set reads as zero, and an index out of its array dies: a check that is off shows the same way every time
MUTANT_TRAPS := -fsanitize=bounds -fsanitize-undefined-trap-on-error -D_FORTIFY_SOURCE=2
MUTANT_DIR := $(BUILD)/mutants
MUTANT_OBJ := $(patsubst %.c,$(MUTANT_DIR)/obj/%.o,$(MUTANT_SRC) sites.c)
$(MUTANT_DIR)/src/sites.c: tests/mutants/mutate.pl $(MUTANT_SRC) Makefile
	@mkdir -p $(@D)
	$(Q)perl tests/mutants/mutate.pl $(@D) $(MUTANT_SRC)
$(MUTANT_DIR)/obj/%.o: $(MUTANT_DIR)/src/sites.c tests/mutants/mutant.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  MUTANT $*.c")
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -I. -O1 -g -w -ftrivial-auto-var-init=zero $(MUTANT_TRAPS) -include tests/mutants/mutant.h $(call cflags_for,saml) \
	  $(call cflags_for,base) -c -o $@ $(MUTANT_DIR)/src/$*.c
$(MUTANT_DIR)/mutants: tests/mutants/mutants.c $(wildcard tests/unit/lab/case*.h) $(MUTANT_OBJ) $(call archives,lab) Makefile
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -I. -O1 -g $(WARN) -Wno-missing-prototypes $(shell pkg-config --cflags $(PKGS_ALL) cmocka 2>/dev/null) -o $@ $< \
	  $(MUTANT_OBJ) $(call archives,lab) $(call libs_for,lab)
.PHONY: check-mutants
check-mutants: $(MUTANT_DIR)/mutants
	tests/tools/mutants.sh $(MUTANT_DIR)

# --- benchmarks: tests/bench/NAME.c -------------------------------------------------------------------------------------
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
$(BENCH): $(B)/bench/%: tests/bench/%.c $(wildcard tests/bench/*.h) $(call archives,router) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) $(shell pkg-config --cflags $(PKGS_ALL) 2>/dev/null) $(LDFLAGS) -o $@ $< $(call archives,router) \
	  $(call libs_for,router)

-include $(shell find $(B)/obj $(B)/unit $(B)/replay -name '*.d' 2>/dev/null)

# --- documentation that is generated: from base/err.def, the option tables, --help -------------------------------------------
$(B)/gendocs: tests/tools/gendocs.c $$(call archives,router) Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(WARN) $(call cflags_for,base) $(LDFLAGS) -o $@ $< $(call archives,router) $(call libs_for,router)
.PHONY: docs check-docs
docs: $(B)/gendocs $(B)/usher $(B)/usher-lab
	tests/tools/docs.sh $(B) docs
check-docs: $(B)/gendocs $(B)/usher $(B)/usher-lab
	tests/tools/docs.sh --check $(B) docs

# --- checks -------------------------------------------------------------------------------------------------------------------
.PHONY: deps deps-check lint format format-check check-includes check-errors check check-build check-run check-asan fuzz-smoke fuzz coverage check-long bench \
	demo install clean help
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# installs what is missing and starts no service by it (policy-rc.d is ours for that moment only)
install_packages = tests/tools/packages.sh $(1)
deps:
	$(call install_packages,$(DEPS))
deps-check:
	$(call install_packages,$(DEPS) $(DEPS_CHECK))
	tests/tools/npm.sh

lint:
	tests/tools/lint.sh
C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h' | grep -v '^tests/corpus/')
format:
	clang-format -i $(C_FILES)
format-check:
	clang-format --dry-run -Werror $(C_FILES)
check-includes:
	tests/tools/check-includes.sh
check-errors:
	tests/tools/check-errors.sh

E2E := $(sort $(wildcard tests/e2e/*.t))
STATIC := $(sort $(wildcard tests/static/*.t))
# A test script finds the binaries beside the link it was called by: build/e2e/x.t uses build/usher, build/asan/e2e/x.t the other.
$(B)/e2e/%.t: tests/e2e/%.t
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@
$(B)/static/%.t: tests/static/%.t
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@
E2E_LINKS := $(patsubst tests/e2e/%,$(B)/e2e/%,$(E2E))
STATIC_LINKS := $(patsubst tests/static/%,$(B)/static/%,$(STATIC))
# everything of one variant, built
check-build: all $(B)/bad-worker unit replay $(E2E_LINKS) $(STATIC_LINKS) $(B)/gendocs
A := $(BUILD)/asan
CHECK_RUN = $(STATIC_LINKS) $(UNIT) $(patsubst $(B)/%,$(A)/%,$(UNIT)) $(E2E_LINKS) $(patsubst $(B)/%,$(A)/%,$(E2E_LINKS))
# parallel tests share two cores; prove's own summary is the last line
JOBS ?= 2
PROVE_ENV = USHER_NO_SKIP=1 CMOCKA_MESSAGE_OUTPUT=TAP USHER_RECORDED="$${USHER_RECORDED:-$(ROOT)/../shared/data/recorded}" \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
check: deps-check
	$(MAKE) -j$(JOBS) VARIANT=release check-build
	$(MAKE) -j$(JOBS) VARIANT=asan check-build
	$(MAKE) -j$(JOBS) VARIANT=clang all
	$(MAKE) -j$(JOBS) VARIANT=release check-mutants
	$(MAKE) VARIANT=release check-run
check-run:
	$(PROVE_ENV) prove -j$(JOBS) -e '' $(CHECK_RUN)
check-asan:
	$(MAKE) VARIANT=asan check-build
	$(PROVE_ENV) prove -j$(JOBS) -e '' $(patsubst $(B)/%,$(A)/%,$(UNIT) $(E2E_LINKS))

fuzz-smoke:
	$(MAKE) VARIANT=fuzz fuzzers
	tests/tools/fuzz.sh $(BUILD)/fuzz/fuzz 20
# 10 CPU-minutes for each parser, an hour for the XML and for the reader
fuzz:
	$(MAKE) VARIANT=fuzz fuzzers
	tests/tools/fuzz.sh $(BUILD)/fuzz/fuzz 600 saml_verify=3600 saml_read=3600 lab_signed=3600
# what the committed corpora reach, by line; fails below 90 % of saml/
coverage:
	$(MAKE) VARIANT=cov replay
	tests/tools/coverage.sh $(BUILD)/cov/replay saml 90
check-long: check-build
	tests/tools/long.sh $(B)
bench: $(B)/usher $(B)/usher-worker $(B)/usher-lab $(BENCH)
	tests/bench/run.sh $(B)
demo:
	$(call install_packages,$(DEPS) nginx-light)
	$(MAKE) -j$(JOBS) all
	tests/tools/demo.sh $(B)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/usher
	install -m 755 $(B)/usher $(B)/usher-worker $(B)/usher-fetch $(DESTDIR)$(PREFIX)/bin
	install -m 644 README.md ARCHITECTURE.md $(DESTDIR)$(PREFIX)/share/doc/usher
	install -d $(DESTDIR)$(PREFIX)/share/doc/usher/docs/nginx
	install -m 644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/usher/docs
	install -m 644 docs/nginx/* $(DESTDIR)$(PREFIX)/share/doc/usher/docs/nginx
clean:
	rm -rf $(BUILD)
help:
	@echo 'all check check-fast check-asan check-long lint format format-check check-includes check-errors check-mutants check-docs'
	@echo 'docs fuzz-smoke fuzz coverage bench demo deps deps-check install clean'
