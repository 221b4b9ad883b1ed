/* pages.c - see pages.h. */
#include "router/pages.h"

#include "router/html.h"

const char page_css[] =
    ":root{color-scheme:light "
    "dark;--ink:#1b1f24;--paper:#fff;--edge:#c9d1d9;--soft:#57606a;--act:#0b57d0;--bad:#b3261e;--back:#f3f5f7}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--paper:#1c2126;--edge:#454d55;--soft:#a9b1b9;--act:#8ab4f8;"
    "--bad:#f2b8b5;--back:#101316}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:26rem;margin:12vh auto 2rem;padding:2rem;background:var(--paper);border:1px solid "
    "var(--edge);border-radius:.5rem}"
    "h1{margin:0 0 1rem;font-size:1.35rem}"
    "p{margin:.75rem 0}"
    "label{display:block;margin:1rem 0 .25rem;font-weight:600}"
    "input{width:100%;padding:.6rem;font:inherit;color:inherit;background:var(--back);border:1px solid "
    "var(--soft);border-radius:.3rem}"
    "button,.button{display:inline-block;width:100%;margin-top:1rem;padding:.65rem;font:inherit;font-weight:600;text-"
    "align:center;"
    "text-decoration:none;color:var(--paper);background:var(--act);border:1px solid "
    "var(--act);border-radius:.3rem;cursor:pointer}"
    "button.second{color:var(--act);background:none}"
    "button:focus-visible,input:focus-visible,a:focus-visible{outline:3px solid var(--act);outline-offset:2px}"
    "a{color:var(--act)}"
    ".error{padding:.6rem .8rem;border-left:4px solid var(--bad)}"
    ".soft{color:var(--soft);font-size:.9rem}"
    "code{overflow-wrap:anywhere}";

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void open_page(struct buf *out, const char *title)
{
    html_add(out,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<title>{}</title>\n<link rel=\"stylesheet\" href=\"/.usher/usher.css\">\n</head>\n<body>\n<main>\n"
             "<h1>{}</h1>\n",
             title, title);
}

static void close_page(struct buf *out)
{
    buf_add_str(out, "</main>\n</body>\n</html>\n");
}

static void add_error(struct buf *out, const struct page_form *f)
{
    if (!f->error)
        return;
    html_add(out, "<p class=\"error\" role=\"alert\" id=\"error\">{}</p>\n", f->error);
    if (f->request_id)
        html_add(out, "<p class=\"soft\">Number for your administrator: <code id=\"request-id\">{}</code></p>\n",
                 f->request_id);
}

static void add_hidden(struct buf *out, const struct page_form *f, bool with_email)
{
    html_add(out,
             "<input type=\"hidden\" name=\"csrf\" value=\"{}\">\n<input type=\"hidden\" name=\"to\" value=\"{}\">\n",
             or_empty(f->csrf), or_empty(f->to));
    if (with_email)
        html_add(out, "<input type=\"hidden\" name=\"email\" value=\"{}\">\n", or_empty(f->email));
}

static void add_not_you(struct buf *out, const struct page_form *f)
{
    html_add(out, "<p class=\"soft\">Not {}? <a href=\"/login?to={}\">Use another address</a></p>\n",
             or_empty(f->email), or_empty(f->to));
}

void page_login(struct buf *out, const struct page_form *f)
{
    open_page(out, "Sign in");
    if (f->app)
        html_add(out, "<p>to continue to {}</p>\n", f->app);
    add_error(out, f);
    buf_add_str(out, "<form method=\"post\" action=\"/login\">\n");
    add_hidden(out, f, false);
    html_add(out,
             "<label for=\"email\">E-mail address</label>\n"
             "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required autofocus "
             "maxlength=\"254\" value=\"{}\">\n<button type=\"submit\">Next</button>\n</form>\n",
             or_empty(f->email));
    close_page(out);
}

static void add_password_form(struct buf *out, const struct page_form *f, bool first)
{
    buf_add_str(out, "<form method=\"post\" action=\"/login/password\">\n");
    add_hidden(out, f, true);
    /* the address once more for password managers, which look for a username field beside the password */
    html_add(out,
             "<input type=\"email\" class=\"soft\" value=\"{}\" autocomplete=\"username\" readonly aria-label=\"E-mail "
             "address\">\n"
             "<label for=\"password\">Password</label>\n"
             "<input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required "
             "maxlength=\"1024\"{}>\n",
             or_empty(f->email), first ? " autofocus" : "");
    buf_add_str(out, "<button type=\"submit\">Sign in</button>\n</form>\n");
}

void page_password(struct buf *out, const struct page_form *f)
{
    open_page(out, "Enter your password");
    add_error(out, f);
    add_password_form(out, f, true);
    add_not_you(out, f);
    close_page(out);
}

void page_choose(struct buf *out, const struct page_form *f)
{
    open_page(out, "Choose how to sign in");
    add_error(out, f);
    buf_add_str(out, "<form method=\"post\" action=\"/login/sso\">\n");
    add_hidden(out, f, true);
    buf_add_str(out, "<button type=\"submit\">Sign in with your company account</button>\n</form>\n"
                     "<p class=\"soft\">or with a password:</p>\n");
    add_password_form(out, f, false);
    add_not_you(out, f);
    close_page(out);
}

static void add_logout_form(struct buf *out, const char *csrf)
{
    html_add(out,
             "<form method=\"post\" action=\"/logout\">\n<input type=\"hidden\" name=\"csrf\" value=\"{}\">\n"
             "<button type=\"submit\">Sign out</button>\n</form>\n",
             csrf);
}

void page_home(struct buf *out, const char *name, const char *email, const char *csrf)
{
    open_page(out, "You are signed in");
    if (name[0])
        html_add(out, "<p>{}<br><span class=\"soft\" id=\"who\">{}</span></p>\n", name, email);
    else
        html_add(out, "<p id=\"who\">{}</p>\n", email);
    add_logout_form(out, csrf);
    close_page(out);
}

void page_logout(struct buf *out, const char *email, const char *csrf)
{
    open_page(out, "Sign out?");
    html_add(
        out,
        "<p>This ends your session here and in every application behind it. You are <span id=\"who\">{}</span>.</p>\n",
        email);
    add_logout_form(out, csrf);
    close_page(out);
}

static const char *const signed_out_texts[] = {
    [SIGNED_OUT_HERE] =
        "Your session here has ended. If you signed in through your company, you may still be signed in "
        "there.",
    [SIGNED_OUT_EVERYWHERE] = "Your session here has ended, and your company's sign-in service has signed you out as "
                              "well.",
    [SIGNED_OUT_PARTLY] = "Your session here has ended, and so has the one at your company's sign-in service. It could "
                          "not sign you out of every other application: close your browser to be sure.",
    [SIGNED_OUT_UNCONFIRMED] = "Your session here has ended. Your company's sign-in service did not confirm that it "
                               "signed you out: you may still be signed in there.",
    [SIGNED_OUT_NOTHING] =
        "Your company's sign-in service asked to sign you out, but there was no session here that it "
        "could end.",
};

static void open_signed_out(struct buf *out, enum signed_out what)
{
    open_page(out, what == SIGNED_OUT_NOTHING ? "You were not signed out here" : "You are signed out");
    html_add(out, "<p id=\"signed-out\">{}</p>\n", signed_out_texts[what]);
}

void page_signed_out(struct buf *out, enum signed_out what, const char *request_id)
{
    open_signed_out(out, what);
    if (request_id)
        html_add(out, "<p class=\"soft\">Number for your administrator: <code id=\"request-id\">{}</code></p>\n",
                 request_id);
    if (what == SIGNED_OUT_NOTHING)
        buf_add_str(out, "<p><a class=\"button\" href=\"/logout\">Sign out</a></p>\n");
    else
        buf_add_str(out, "<p><a class=\"button\" href=\"/login\">Sign in again</a></p>\n");
    close_page(out);
}

void page_send_logout(struct buf *out, enum signed_out so_far, const char *to, const char *parameter,
                      const char *message_base64, const char *relay_state)
{
    open_signed_out(out, so_far);
    html_add(out,
             "<p>Your company's sign-in service is waiting for you to go on.</p>\n"
             "<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"{}\" value=\"{}\">\n",
             to, parameter, message_base64);
    if (relay_state)
        html_add(out, "<input type=\"hidden\" name=\"RelayState\" value=\"{}\">\n", relay_state);
    buf_add_str(out, "<button type=\"submit\" id=\"go-on\">Go on</button>\n</form>\n");
    close_page(out);
}

void page_error(struct buf *out, enum err_code code, const char *request_id, const char *start_again_url)
{
    open_page(out, err_http_status(code) >= 500 ? "Something went wrong here" : "That did not work");
    html_add(out, "<p class=\"error\" role=\"alert\" id=\"error\">{}</p>\n", err_user_text(code));
    html_add(out, "<p class=\"soft\">Number for your administrator: <code id=\"request-id\">{}</code></p>\n",
             request_id);
    if (start_again_url)
        html_add(out, "<p><a class=\"button\" id=\"again\" href=\"{}\">Start again</a></p>\n", start_again_url);
    close_page(out);
}
