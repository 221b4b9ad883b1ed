/* idp_pages.h - the pages of the test identity provider. Not for others. */
#ifndef USHER_LAB_IDP_PAGES_H
#define USHER_LAB_IDP_PAGES_H

#include "lab/idp.h"

/* Random text that lets this page's own style and script through its Content-Security-Policy. */
#define IDP_NONCE_SIZE 33
void idp_nonce(char dst[IDP_NONCE_SIZE]);

struct idp_visit { /* what a sign-on carries from page to page */
    struct slice saml_request, relay_state;
    struct slice asked_by; /* entity ID of the service provider */
};

void idp_page_home(const struct idp *idp, const char *nonce, struct buf *out);
/* `hinted` (may be NULL) comes first and has the focus. */
void idp_page_choose(const struct idp *idp, const struct idp_visit *v, const struct person *hinted, const char *nonce,
                     struct buf *out);
/* Posts `parameter` (SAMLResponse, SAMLRequest) by itself where scripts run, by a button elsewhere. */
void idp_page_post(const char *to, const char *parameter, struct slice message_base64, struct slice relay_state,
                   const char *nonce, struct buf *out);
/* Whom to sign out at the service provider. */
void idp_page_logout(const struct idp *idp, const char *nonce, struct buf *out);
/* What the service provider answered. */
void idp_page_logged_out(struct slice status, struct slice sub_status, struct slice relay_state, const char *nonce,
                         struct buf *out);
void idp_page_error(const struct err *e, const char *nonce, struct buf *out);

#endif
