/* idp_impl.h - what the endpoints of the test identity provider share. For lab/idp*.c. */
#ifndef USHER_LAB_IDP_IMPL_H
#define USHER_LAB_IDP_IMPL_H

#include "base/arena.h"
#include "lab/idp_pages.h"

#define IDP_PAGE_MAX (2 * MINT_XML_MAX)

void idp_respond_page(struct http_request *req, int status, const char *nonce, const struct buf *page);

/* idp_slo.c. -1: nothing was replied yet. */
int idp_get_slo(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e);
int idp_get_logout(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e);

#endif
