/*
 * worker.h - how commands judge strangers' XML: by usher-worker, as the daemon does, one document at a time.
 */
#ifndef USHER_CLI_WORKER_H
#define USHER_CLI_WORKER_H

#include "router/worker.h"
#include "saml/decrypt.h"

/* What commands start a worker with. */
void cli_worker_options(struct worker_options *o);
/* One process, started with the first document; free it with worker_free(). ERR_WORKER, ERR_MEMORY. */
int cli_worker_open(struct worker **ret, struct err *e);

/*
 * Judges a Response by the one trust of the table, or by issuer if there are more. Where the worker needs the content
 * key, it is unwrapped here and the worker is asked once more. `ret` points into `a`; nothing of it is believed yet:
 * see saml_judge_signed_only(). The worker's refusal, ERR_WORKER, ERR_RECHECK, or what saml_unwrap_key() says.
 */
int cli_worker_judge(struct worker *w, struct trusts *trusts, const struct saml_sp_keys *keys, struct slice xml,
                     struct arena *a, struct saml_signed *ret, struct err *e);

#endif
