/* idp_pages.c - see idp_pages.h. Everything variable goes through text(). */
#include "lab/idp_pages.h"

#include "base/encode.h"
#include "base/secret.h"

static const char style[] =
    ":root{color-scheme:light dark;--line:#8a8f98;--accent:#0b57d0;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--accent:#a8c7fa;--on:#10131a}}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;place-items:center}"
    "main{width:min(26rem,100% - 2rem);margin:2rem 0}h1{font-size:1.4rem;margin:0 0 .25rem}"
    "ul{list-style:none;margin:1rem 0;padding:0;display:grid;gap:.5rem}"
    "button{font:inherit;width:100%;text-align:left;padding:.65rem .9rem;border:1px solid "
    "var(--line);border-radius:.5rem;"
    "background:transparent;color:inherit;cursor:pointer}"
    "button:hover{border-color:var(--accent)}button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    "button.main{background:var(--accent);color:var(--on);text-align:center;font-weight:600}"
    "small{display:block}.note{border-left:4px solid var(--line);padding-left:.75rem}code{overflow-wrap:anywhere}";

void idp_nonce(char dst[IDP_NONCE_SIZE])
{
    unsigned char raw[(IDP_NONCE_SIZE - 1) / 2];

    secret_random(raw, sizeof raw);
    hex_encode(dst, raw, sizeof raw);
}

static void text(struct buf *out, struct slice s)
{
    html_escape(out, s);
}

static void head(struct buf *out, const char *title, const char *nonce)
{
    buf_printf(out,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
               "<style nonce=\"%s\">%s</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n",
               title, nonce, style, title);
}

static void foot(struct buf *out)
{
    buf_add_str(out, "</main>\n</body>\n</html>\n");
}

static void hidden(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    text(out, value);
    buf_add_str(out, "\">\n");
}

void idp_page_home(const struct idp *idp, const char *nonce, struct buf *out)
{
    head(out, "Test identity provider", nonce);
    buf_add_str(out, "<p>Signing in starts at an application. This provider's <a href=\"/metadata\">metadata</a>:</p>\n"
                     "<p><code>");
    text(out, slice_of(idp->public_url));
    buf_add_str(out, "/metadata</code></p>\n");
    if (idp->slo_url)
        buf_add_str(out, "<p>Sign somebody <a href=\"/logout\">out of the application</a>.</p>\n");
    buf_add_str(out, "<p class=\"note\">For tests only: anybody can sign in as anybody.</p>\n");
    foot(out);
}

static void person_button(struct buf *out, const struct person *who, bool focus)
{
    buf_add_str(out, "<li><button name=\"person\" value=\"");
    text(out, slice_of(who->name));
    buf_printf(out, "\"%s>", focus ? " autofocus" : "");
    text(out, slice_of(who->display_name ? who->display_name : who->name));
    buf_add_str(out, "<small>");
    text(out, slice_of(who->name));
    if (who->trick) {
        buf_add_str(out, " (trick: ");
        text(out, slice_of(who->trick->name));
        buf_add_char(out, ')');
    }
    buf_add_str(out, "</small></button></li>\n");
}

void idp_page_choose(const struct idp *idp, const struct idp_visit *v, const struct person *hinted, const char *nonce,
                     struct buf *out)
{
    head(out, "Who are you?", nonce);
    buf_add_str(out, "<p>Signing in to <code>");
    text(out, v->asked_by);
    buf_add_str(out, "</code></p>\n<form method=\"post\" action=\"/sso/login\">\n");
    hidden(out, "SAMLRequest", v->saml_request);
    if (v->relay_state.p)
        hidden(out, "RelayState", v->relay_state);
    buf_add_str(out, "<ul>\n");
    if (hinted)
        person_button(out, hinted, true);
    for (size_t i = 0; i < idp->people->n; i++) {
        if (&idp->people->v[i] != hinted)
            person_button(out, &idp->people->v[i], false);
    }
    buf_add_str(out, "</ul>\n<button name=\"cancel\" value=\"1\">Cancel</button>\n</form>\n"
                     "<p class=\"note\">Test identity provider: anybody can sign in as anybody.</p>\n");
    foot(out);
}

void idp_page_post(const char *to, const char *parameter, struct slice message_base64, struct slice relay_state,
                   const char *nonce, struct buf *out)
{
    head(out, "Back to the application", nonce);
    buf_add_str(out, "<form method=\"post\" action=\"");
    text(out, slice_of(to));
    buf_add_str(out, "\">\n");
    hidden(out, parameter, message_base64);
    if (relay_state.p)
        hidden(out, "RelayState", relay_state);
    buf_printf(out,
               "<button class=\"main\">Continue</button>\n</form>\n"
               "<script nonce=\"%s\">document.forms[0].submit()</script>\n",
               nonce);
    foot(out);
}

void idp_page_logout(const struct idp *idp, const char *nonce, struct buf *out)
{
    head(out, "Sign out whom?", nonce);
    buf_add_str(out, "<p>Sends a LogoutRequest to <code>");
    text(out, slice_of(idp->slo_url));
    buf_add_str(out, "</code>.</p>\n<form method=\"get\" action=\"/logout\">\n"
                     "<p><label><input type=\"radio\" name=\"binding\" value=\"redirect\" checked> by redirect</label> "
                     "<label><input type=\"radio\" name=\"binding\" value=\"post\"> by form</label> "
                     "<label><input type=\"checkbox\" name=\"unsigned\" value=\"1\"> unsigned</label></p>\n<ul>\n");
    for (size_t i = 0; i < idp->people->n; i++)
        person_button(out, &idp->people->v[i], false);
    buf_add_str(out, "</ul>\n</form>\n");
    foot(out);
}

void idp_page_logged_out(struct slice status, struct slice sub_status, struct slice relay_state, const char *nonce,
                         struct buf *out)
{
    head(out, "The application's answer", nonce);
    buf_add_str(out, "<p>Status: <code id=\"status\">");
    text(out, status);
    buf_add_str(out, "</code></p>\n<p>below it: <code id=\"sub-status\">");
    text(out, sub_status);
    buf_add_str(out, "</code></p>\n<p>RelayState: <code id=\"relay-state\">");
    text(out, relay_state);
    buf_add_str(out, "</code></p>\n");
    foot(out);
}

void idp_page_error(const struct err *e, const char *nonce, struct buf *out)
{
    head(out, "This request cannot be answered", nonce);
    buf_add_str(out, "<p><strong>");
    text(out, slice_of(err_name(e->code)));
    buf_add_str(out, "</strong>: ");
    text(out, slice_of(e->msg));
    buf_add_str(out, "</p>\n");
    if (e->found[0]) {
        buf_add_str(out, "<p>Found: <code>");
        text(out, slice_of(e->found));
        buf_add_str(out, "</code></p>\n");
    }
    if (e->expected[0]) {
        buf_add_str(out, "<p>Expected: <code>");
        text(out, slice_of(e->expected));
        buf_add_str(out, "</code></p>\n");
    }
    foot(out);
}
