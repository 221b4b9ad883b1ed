/*
 * pages.h - every page a person may see. They work without JavaScript, carry no inline style or script (CSP), and say
 * what to do next in plain words. What went wrong in detail is in the log under the request id, never here.
 */
#ifndef USHER_ROUTER_PAGES_H
#define USHER_ROUTER_PAGES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define PAGE_MAX (64 * 1024)

/* What a form needs to come back: hidden fields. Any of them may be "" or NULL. */
struct page_form {
    const char *csrf;       /* form token */
    const char *to;         /* sealed: where the person wants to go */
    const char *email;      /* as typed */
    const char *app;        /* name of the application, for the headline; NULL if none */
    const char *error;      /* one sentence above the form; NULL if none */
    const char *request_id; /* shown with the error */
};

/* One box: the e-mail address. */
void page_login(struct buf *out, const struct page_form *f);
/* The password for f->email, "not you?" back to the first page. */
void page_password(struct buf *out, const struct page_form *f);
/* Both doors: company sign-in and password. */
void page_choose(struct buf *out, const struct page_form *f);
/* Signed in as `email`; with the button that ends it. */
void page_home(struct buf *out, const char *name, const char *email, const char *csrf);
void page_logout(struct buf *out, const char *email, const char *csrf);
/* What is true of a session that was to end. */
enum signed_out {
    SIGNED_OUT_HERE,        /* ended here; the identity provider was not asked */
    SIGNED_OUT_EVERYWHERE,  /* and it says that it ended its own, and those elsewhere */
    SIGNED_OUT_PARTLY,      /* and it says that it could not reach all others */
    SIGNED_OUT_UNCONFIRMED, /* and it did not say so */
    SIGNED_OUT_NOTHING      /* it asked, and nothing ended */
};
/* `request_id` NULL: none is shown. */
void page_signed_out(struct buf *out, enum signed_out what, const char *request_id);
/* What is true so far, and a button that sends the message to the identity provider at `to`. `relay_state` may be NULL.
 */
void page_send_logout(struct buf *out, enum signed_out so_far, const char *to, const char *parameter,
                      const char *message_base64, const char *relay_state);
/* A refusal: the code's sentence, the request id, and a way to start again if that can help. */
void page_error(struct buf *out, enum err_code code, const char *request_id, const char *start_again_url);

/* /.usher/usher.css */
extern const char page_css[];

#endif
