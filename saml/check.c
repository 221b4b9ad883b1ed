/*
 * check.c - see check.h.
 *
 * "profiles" is "Profiles for the OASIS Security Assertion Markup Language V2.0", "core" and "bindings" its siblings,
 * all of 15 March 2005. The sentences quoted are theirs.
 */
#include "saml/check.h"

#include "base/clock.h"
#include "saml/names.h"

struct checking {
    const struct saml_assertion *as;
    const struct saml_response *response; /* of a signed Response; id.p == NULL: only the Assertion is signed */
    const struct saml_outer *outer;
    const struct saml_expect *x;
    int64_t valid_until; /* lowered by every row that knows an end */
};

/*
 * Comparing
 */

/* Always -1: `code` with both texts. */
static int differs(struct err *e, enum err_code code, struct slice found, struct slice expected, const char *what)
{
    char f[200], x[200];

    str_cut(f, sizeof f, found);
    str_cut(x, sizeof x, expected);
    return err_mismatch(e, code, found.p ? f : "(absent)", x, "%s", what);
}

/* `found` is absent, or what is expected octet by octet. */
static int if_present(struct slice found, struct slice expected, enum err_code code, const char *what, struct err *e)
{
    return !found.p || slice_eq(found, expected) ? 0 : differs(e, code, found, expected, what);
}

static int must_be(struct slice found, struct slice expected, enum err_code code, const char *what, struct err *e)
{
    return found.p && slice_eq(found, expected) ? 0 : differs(e, code, found, expected, what);
}

static bool response_signed(const struct checking *c)
{
    return c->response->id.p != NULL;
}

/* a + b without overflow. */
static int64_t saturating_add(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* `limit` is the first second that is too late, when both clocks agree; the allowance moves it. */
static bool is_over(const struct checking *c, int64_t limit)
{
    return c->x->now >= saturating_add(limit, c->x->skew);
}

/* `limit` is the first second that is right. */
static bool is_early(const struct checking *c, int64_t limit)
{
    return c->x->now < saturating_add(limit, -c->x->skew);
}

static void ends(struct checking *c, int64_t limit)
{
    int64_t last = saturating_add(limit, c->x->skew - 1);

    if (last < c->valid_until)
        c->valid_until = last;
}

static int time_differs(struct err *e, enum err_code code, int64_t found, int64_t now, const char *what)
{
    char f[TIME_TEXT_SIZE], n[TIME_TEXT_SIZE];

    time_format(found, f);
    time_format(now, n);
    return err_mismatch(e, code, f, code == ERR_EXPIRED ? "a later time" : "an earlier time", "%s; now is %s", what, n);
}

/*
 * The rows. Each is named after what it demands.
 */

/* profiles 4.1.4.2: "The <Issuer> element ... MUST contain the unique identifier of the issuing identity provider". */
static int assertion_issuer(struct checking *c, struct err *e)
{
    return must_be(c->as->issuer, c->x->issuer, ERR_ISSUER, "the Assertion's Issuer", e);
}

/*
 * profiles 4.1.4.2 with erratum 17: "If the <Response> message is signed or if an enclosed assertion is encrypted, the
 * <Issuer> element MUST be present. Otherwise it MAY be omitted. If present it MUST contain the unique identifier of
 * the issuing identity provider".
 */
static int response_issuer(struct checking *c, struct err *e)
{
    if (response_signed(c) &&
        must_be(c->response->issuer, c->x->issuer, ERR_ISSUER, "the signed Response's Issuer", e) != 0)
        return -1;
    return if_present(slice_trim(c->outer->issuer), c->x->issuer, ERR_ISSUER, "the Response's Issuer", e);
}

/*
 * bindings 3.5.5.2: "If the message is signed, the Destination XML attribute in the root SAML element of the protocol
 * message MUST contain the URL to which the sender has instructed the user agent to deliver the message. The recipient
 * MUST then verify that the value matches the location at which the message has been received." core 3.2.2 demands the
 * same of one that is present without a signature.
 */
static int destination(struct checking *c, struct err *e)
{
    if (response_signed(c) &&
        must_be(c->response->destination, c->x->acs, ERR_DESTINATION, "the signed Response's Destination", e) != 0)
        return -1;
    return if_present(c->outer->destination, c->x->acs, ERR_DESTINATION, "the Response's Destination", e);
}

/* core 3.2.2.2: "...status:Success: The request succeeded." The signed Status, if there is one, was read already. */
static int status(struct checking *c, struct err *e)
{
    return must_be(c->outer->status_code, SLICE(SAML_STATUS_SUCCESS), ERR_STATUS, "the Response's StatusCode", e);
}

/*
 * core 2.5.1.1: "If ... an element is encountered that is not understood, then the validity of the assertion cannot be
 * determined and is considered to be Indeterminate." OneTimeUse is kept by the replay memory, ProxyRestriction binds
 * those who issue assertions on the strength of this one.
 */
static int conditions_known(struct checking *c, struct err *e)
{
    return c->as->unknown_condition ? err_set(e, ERR_CONDITION, "a condition of an unknown kind") : 0;
}

/*
 * profiles 4.1.4.2: "Each bearer assertion MUST contain an <AudienceRestriction> including the service provider's
 * unique identifier as an <Audience>." core 2.5.1.4: "within a given condition, the audiences form a disjunction (an
 * "OR") while multiple conditions form a conjunction (an "AND")."
 */
static int audience(struct checking *c, struct err *e)
{
    if (c->as->nrestrictions == 0)
        return differs(e, ERR_AUDIENCE, (struct slice){NULL, 0}, c->x->audience, "no AudienceRestriction");
    for (size_t i = 0; i < c->as->nrestrictions; i++) {
        const struct saml_restriction *r = &c->as->restrictions[i];
        bool ours = false;

        for (size_t k = 0; k < r->n; k++)
            ours = ours || slice_eq(r->audiences[k], c->x->audience);
        if (!ours)
            return differs(e, ERR_AUDIENCE, r->n ? r->audiences[0] : (struct slice){NULL, 0}, c->x->audience,
                           "an AudienceRestriction without this service");
    }
    return 0;
}

/*
 * core 2.3.3: "IssueInstant ... The time instant of issue in UTC". Nothing issued in the future can have come here
 * honestly; a clock that runs ahead by more than the allowance is an administrator's matter.
 */
static int issued_before_now(struct checking *c, struct err *e)
{
    if (is_early(c, c->as->issue_instant))
        return time_differs(e, ERR_NOT_YET_VALID, c->as->issue_instant, c->x->now, "the Assertion's IssueInstant");
    if (response_signed(c) && is_early(c, c->response->issue_instant))
        return time_differs(e, ERR_NOT_YET_VALID, c->response->issue_instant, c->x->now, "the Response's IssueInstant");
    return 0;
}

/*
 * core 2.5.1.2: "The NotBefore attribute specifies the time instant at which the validity interval begins. The
 * NotOnOrAfter attribute specifies the time instant at which the validity interval has ended." Both are optional here:
 * the confirmation below must have an end.
 */
static int conditions_time(struct checking *c, struct err *e)
{
    const struct saml_assertion *as = c->as;

    if (as->not_before != 0 && is_early(c, as->not_before))
        return time_differs(e, ERR_NOT_YET_VALID, as->not_before, c->x->now, "NotBefore of the Conditions");
    if (as->not_on_or_after == 0)
        return 0;
    ends(c, as->not_on_or_after);
    if (is_over(c, as->not_on_or_after))
        return time_differs(e, ERR_EXPIRED, as->not_on_or_after, c->x->now, "NotOnOrAfter of the Conditions");
    return 0;
}

/* How far one confirmation gets: the further, the more telling is why it fails. */
enum progress { NOT_BEARER, NOT_OURS, OTHER_REQUEST, TOO_EARLY, TOO_LATE, CONFIRMED };

static enum progress try_confirmation(const struct checking *c, const struct saml_confirmation *conf)
{
    if (!conf->bearer)
        return NOT_BEARER;
    if (!conf->recipient.p || !slice_eq(conf->recipient, c->x->acs))
        return NOT_OURS;
    if (c->x->unsolicited ? conf->in_response_to.p != NULL
                          : !conf->in_response_to.p || !slice_eq(conf->in_response_to, c->x->request_id))
        return OTHER_REQUEST;
    if (conf->not_before != 0 && is_early(c, conf->not_before))
        return TOO_EARLY;
    if (conf->not_on_or_after == 0 || is_over(c, conf->not_on_or_after))
        return TOO_LATE;
    return CONFIRMED;
}

static int confirmation_error(const struct checking *c, enum progress how, const struct saml_confirmation *conf,
                              struct err *e)
{
    switch (how) {
    case NOT_OURS: return differs(e, ERR_RECIPIENT, conf->recipient, c->x->acs, "Recipient of the bearer confirmation");
    case OTHER_REQUEST:
        return differs(e, ERR_IN_RESPONSE_TO, conf->in_response_to,
                       c->x->unsolicited ? SLICE("(absent)") : c->x->request_id,
                       "InResponseTo of the bearer confirmation");
    case TOO_EARLY:
        return time_differs(e, ERR_NOT_YET_VALID, conf->not_before, c->x->now, "NotBefore of the bearer confirmation");
    case TOO_LATE:
        if (conf->not_on_or_after == 0)
            return err_set(e, ERR_EXPIRED, "the bearer confirmation has no NotOnOrAfter");
        return time_differs(e, ERR_EXPIRED, conf->not_on_or_after, c->x->now,
                            "NotOnOrAfter of the bearer confirmation");
    case NOT_BEARER:
    case CONFIRMED: break;
    }
    return err_set(e, ERR_CONFIRMATION, "no SubjectConfirmation with method bearer");
}

/*
 * profiles 4.1.4.2: "at least one bearer <SubjectConfirmation> element MUST contain a <SubjectConfirmationData> element
 * that itself MUST contain a Recipient attribute containing the service provider's assertion consumer service URL and a
 * NotOnOrAfter attribute that limits the window during which the assertion can be confirmed by the relying party."
 * 4.1.4.3: "Verify that the InResponseTo attribute in the bearer <SubjectConfirmationData> equals the ID of its
 * original <AuthnRequest> message, unless the response is unsolicited (see Section 4.1.5), in which case the attribute
 * MUST NOT be present". One element has to satisfy all of it: parts of two do not add up. A NotBefore, which the
 * profile forbids, is honoured rather than refused.
 */
static int bearer_confirmation(struct checking *c, struct err *e)
{
    const struct saml_confirmation *best = NULL;
    enum progress furthest = NOT_BEARER;
    int64_t last_end = 0;

    for (size_t i = 0; i < c->as->nconfirmations; i++) {
        const struct saml_confirmation *conf = &c->as->confirmations[i];
        enum progress how = try_confirmation(c, conf);

        if (how > furthest) {
            furthest = how;
            best = conf;
        }
        if (conf->bearer && conf->not_on_or_after > last_end)
            last_end = conf->not_on_or_after;
    }
    if (furthest != CONFIRMED)
        return confirmation_error(c, furthest, best, e);
    ends(c, last_end); /* the latest of all: another one may pass when this one no longer does */
    return 0;
}

/*
 * core 3.2.2: "If the response is not generated in response to a request ... then this attribute MUST NOT be present.
 * Otherwise, it MUST be present and its value MUST match the value of the corresponding request's ID attribute." An
 * absent one passes: the signed confirmation had to name the request.
 */
static int response_in_response_to(struct checking *c, struct err *e)
{
    const struct slice found[] = {c->response->in_response_to, c->outer->in_response_to};

    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        if (!found[i].p)
            continue;
        if (c->x->unsolicited)
            return differs(e, ERR_IN_RESPONSE_TO, found[i], SLICE("(absent)"), "the Response's InResponseTo");
        if (must_be(found[i], c->x->request_id, ERR_IN_RESPONSE_TO, "the Response's InResponseTo", e) != 0)
            return -1;
    }
    return 0;
}

/*
 * profiles 4.1.4.2: "The set of one or more bearer assertions MUST contain at least one <AuthnStatement> that reflects
 * the authentication of the principal to the identity provider."
 */
static int authn_statement(struct checking *c, struct err *e)
{
    return c->as->has_authn_statement ? 0 : err_set(e, ERR_NO_AUTHN, "no AuthnStatement");
}

/*
 * core 2.7.2: "SessionNotOnOrAfter ... Specifies a time instant at which the session between the principal identified
 * by the subject and the SAML authority issuing this statement MUST be considered ended."
 */
static int session_time(struct checking *c, struct err *e)
{
    int64_t end = c->as->session_not_on_or_after;

    if (end == 0)
        return 0;
    ends(c, end);
    return is_over(c, end) ? time_differs(e, ERR_EXPIRED, end, c->x->now, "SessionNotOnOrAfter") : 0;
}

/* In this order: who speaks, to whom, whether it is well, how long it holds, and for which request. */
static const struct {
    const char *name; /* the place that an error names */
    int (*run)(struct checking *c, struct err *e);
} table[] = {
    {"assertion issuer", assertion_issuer},
    {"response issuer", response_issuer},
    {"destination", destination},
    {"status", status},
    {"conditions known", conditions_known},
    {"audience", audience},
    {"issued before now", issued_before_now},
    {"conditions time", conditions_time},
    {"bearer confirmation", bearer_confirmation},
    {"response in response to", response_in_response_to},
    {"authn statement", authn_statement},
    {"session time", session_time},
};

/* An expectation that was left empty would be met by an empty value. */
static int expectation_complete(const struct saml_expect *x, struct err *e)
{
    if (x->issuer.n == 0 || x->acs.n == 0 || x->audience.n == 0 || (!x->unsolicited && x->request_id.n == 0))
        return err_set(e, ERR_INTERNAL,
                       "issuer, acs, audience and request ID must be known before an assertion is "
                       "judged");
    if (x->skew < 0 || x->skew > SAML_SKEW_MAX)
        return err_set(e, ERR_INTERNAL, "clock skew outside 0 to %d s", SAML_SKEW_MAX);
    return 0;
}

int saml_check(const struct saml_assertion *as, const struct saml_response *response, const struct saml_outer *outer,
               const struct saml_expect *x, int64_t *ret_valid_until, struct err *e)
{
    struct checking c = {as, response, outer, x, INT64_MAX};

    if (expectation_complete(x, e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].run(&c, e) != 0)
            return err_at(e, "%s", table[i].name);
    }
    *ret_valid_until = c.valid_until;
    return 0;
}

/*
 * Identity
 */

static struct slice email_text(const struct saml_assertion *as, struct slice from)
{
    return slice_is(from, "nameid") ? as->name_id : saml_attribute_single(as, from);
}

int saml_email(const struct saml_assertion *as, const struct saml_expect *x, bool *ret_present, struct email *ret,
               struct err *e)
{
    struct slice text = email_text(as, x->email_from);
    struct err why = ERR_INIT;
    struct email email;

    *ret_present = false;
    if (!text.p || email_parse(text, &email, &why) != 0) {
        if (x->nemail_domains == 0)
            return 0;
        return differs(e, ERR_NO_EMAIL, text, x->email_from, "the e-mail source gives no single acceptable address");
    }
    for (size_t i = 0; i < x->nemail_domains; i++) {
        if (strcmp(email.domain, x->email_domains[i]) == 0)
            *ret_present = true;
    }
    if (x->nemail_domains > 0 && !*ret_present)
        return err_mismatch(e, ERR_EMAIL_DOMAIN, email.domain, x->email_domains[0],
                            "the identity provider may not speak for this e-mail domain");
    *ret_present = true;
    *ret = email;
    return 0;
}
