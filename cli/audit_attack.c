/* audit_attack.c - see audit_attack.h. */
#include "cli/audit_attack.h"

#include "cli/audit_judge.h"

struct attack_facts {
    const struct audit_result *r;
    const struct saml_inspection *in;
    struct slice xml;
    enum err_code code;
    unsigned traits;
    bool any_trust, proven; /* proven: valid by a pinned key */
};

static bool has(struct slice s, const char *what)
{
    return s.n && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static bool ends(struct slice s, const char *what)
{
    return slice_ends(s, slice_of(what));
}

/* --- one question each ------------------------------------------------------------------------------------------- */

/* A signature that covers its parent, or one that does not. */
static bool any_covers(const struct attack_facts *f, bool covers)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        if (f->in->signatures[i].covers_parent == covers)
            return true;
    }
    return false;
}

static bool two_assertions_one_signed(const struct attack_facts *f)
{
    return (f->traits & SAML_TRAIT_ASSERTIONS) && !any_covers(f, false);
}

static bool two_assertions_signature_moved(const struct attack_facts *f)
{
    return (f->traits & SAML_TRAIT_ASSERTIONS) && any_covers(f, false);
}

static bool covers_another(const struct attack_facts *f)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        const struct saml_inspected_signature *s = &f->in->signatures[i];

        if (!s->covers_parent && s->uri.n > 1 && s->uri.p[0] == '#')
            return true;
    }
    return false;
}

static bool covers_the_document(const struct attack_facts *f)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        if (f->in->signatures[i].uri.p && f->in->signatures[i].uri.n == 0)
            return true;
    }
    return false;
}

static bool covers_elsewhere(const struct attack_facts *f)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        struct slice uri = f->in->signatures[i].uri;

        if (uri.n > 0 && (uri.p[0] != '#' || slice_starts(uri, SLICE("#xpointer"))))
            return true;
    }
    return false;
}

static bool uses_hmac(const struct attack_facts *f)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        if (has(f->in->signatures[i].method, "hmac"))
            return true;
    }
    return false;
}

static bool uses_weak_digest(const struct attack_facts *f)
{
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        struct slice m = f->in->signatures[i].method, d = f->in->signatures[i].digest;

        if (ends(m, "sha1") || ends(d, "sha1") || has(m, "md5") || has(d, "md5") || has(m, "ripemd") ||
            has(d, "ripemd"))
            return true;
    }
    return false;
}

static bool uses_weak_key(const struct attack_facts *f)
{
    if (f->code == ERR_KEY_WEAK)
        return true;
    for (size_t i = 0; i < f->in->nsignatures; i++) {
        if (f->r->claimed[i].weak)
            return true;
    }
    return false;
}

static bool signed_by_itself(const struct attack_facts *f)
{
    return f->any_trust && f->r->verdict == AUDIT_UNTRUSTED;
}

static bool bare_key_and_no_other(const struct attack_facts *f)
{
    return (f->traits & SAML_TRAIT_KEY_VALUE) && !f->proven;
}

static bool stripped(const struct attack_facts *f)
{
    return f->r->owes && f->r->inspected && f->in->signatures_in_all == 0 && f->in->encrypted_assertions == 0 &&
           f->code != ERR_STATUS;
}

static bool changed_after_signing(const struct attack_facts *f)
{
    return f->code == ERR_SIGNATURE && strstr(f->r->why.msg, "digest mismatch");
}

static bool empty_canonical_form(const struct attack_facts *f)
{
    return (f->traits & SAML_TRAIT_RELATIVE_NAMESPACE) ||
           (f->code == ERR_SIGNATURE && (strstr(f->r->why.msg, "empty")));
}

static bool encrypted_and_unsigned(const struct attack_facts *f)
{
    return f->in->encrypted_assertions > 0 && f->in->signatures_in_all == 0 && !f->proven;
}

static bool clear_beside_encrypted(const struct attack_facts *f)
{
    return f->in->encrypted_assertions > 0 && f->in->assertions > 0;
}

static bool several_encrypted(const struct attack_facts *f)
{
    return f->in->encrypted_assertions > 1;
}

static bool doctype_external(const struct attack_facts *f)
{
    return f->code == ERR_XML_DOCTYPE && (has(f->xml, "SYSTEM") || has(f->xml, "PUBLIC"));
}

static bool doctype_entities(const struct attack_facts *f)
{
    return f->code == ERR_XML_DOCTYPE && has(f->xml, "<!ENTITY");
}

static bool doctype_attlist(const struct attack_facts *f)
{
    return f->code == ERR_XML_DOCTYPE && has(f->xml, "<!ATTLIST");
}

static bool too_much(const struct attack_facts *f)
{
    return f->code == ERR_XML_LIMIT || f->code == ERR_XML_SIZE || f->code == ERR_LIMIT;
}

static bool for_another_service(const struct attack_facts *f)
{
    return f->r->conditions == AUDIT_CONDITIONS_REFUSED &&
           (f->r->conditions_why.code == ERR_AUDIENCE || f->r->conditions_why.code == ERR_RECIPIENT ||
            f->r->conditions_why.code == ERR_DESTINATION);
}

static bool foreign_domain(const struct attack_facts *f)
{
    return f->r->conditions_why.code == ERR_EMAIL_DOMAIN;
}

static bool split_text(const struct attack_facts *f)
{
    return (f->traits & SAML_TRAIT_SPLIT_TEXT) || (f->code == ERR_READ && strstr(f->r->why.msg, "split by"));
}

static bool seen_before(const struct attack_facts *f)
{
    return f->r->first != 0;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

const struct audit_attack audit_attacks[] = {
    {"xsw-1", SAML_TRAIT_RESPONSE_IN_SIGNATURE, ERR_NONE, NULL,
     "A signed Response stands inside the Signature of another one (XSW1)."},
    {"xsw-2", SAML_TRAIT_RESPONSE_ELSEWHERE, ERR_NONE, NULL, "A second Response stands inside the first (XSW2)."},
    {"xsw-3", 0, ERR_NONE, two_assertions_one_signed,
     "Two Assertions stand side by side, and not each is signed by its own Signature (XSW3)."},
    {"xsw-4", SAML_TRAIT_ASSERTION_IN_ASSERTION, ERR_NONE, NULL,
     "An Assertion is the child of another Assertion (XSW4)."},
    {"xsw-5", 0, ERR_NONE, two_assertions_signature_moved,
     "Two Assertions stand side by side, and a Signature in one covers another element (XSW5)."},
    {"xsw-6", SAML_TRAIT_ASSERTION_IN_SIGNATURE, ERR_NONE, NULL, "An Assertion stands inside a Signature (XSW6)."},
    {"xsw-7", SAML_TRAIT_ASSERTION_IN_EXTENSIONS, ERR_NONE, NULL, "An Assertion stands in Extensions (XSW7)."},
    {"xsw-8", SAML_TRAIT_ASSERTION_IN_OBJECT, ERR_NONE, NULL,
     "An Assertion stands in the Object of a Signature, which an enveloped signature does not cover (XSW8)."},
    {"xsw-9", SAML_TRAIT_SIGNED_INFOS, ERR_NONE, NULL, "A Signature has several SignedInfo elements (CVE-2025-29774)."},
    {"assertion-hidden", SAML_TRAIT_ASSERTION_HIDDEN, ERR_NONE, NULL,
     "An Assertion stands where a search finds it and the schema does not want it: Advice, StatusDetail, an attribute "
     "(CVE-2021-28091)."},
    {"signature-over-another", 0, ERR_NONE, covers_another,
     "A Signature refers to another element than the one it stands in."},
    {"signature-over-document", 0, ERR_NONE, covers_the_document,
     "A Signature covers the whole document (URI=\"\") and can be moved with it."},
    {"external-reference", 0, ERR_NONE, covers_elsewhere, "A Signature refers outside of the document or by XPointer."},
    {"object-in-signature", SAML_TRAIT_OBJECT, ERR_NONE, NULL,
     "A Signature has an Object, which an enveloped signature does not cover."},
    {"several-references", SAML_TRAIT_REFERENCES, ERR_NONE, NULL,
     "A Signature has several References or a Manifest; a careless verifier checks one."},
    {"transform", SAML_TRAIT_TRANSFORM, ERR_NONE, NULL,
     "A transform may leave out of the signature what the attacker likes (XPath, XPath filter)."},
    {"xslt", SAML_TRAIT_XSLT, ERR_NONE, NULL, "A transform is a program (XSLT) that runs before any key is looked at."},
    {"duplicate-id", SAML_TRAIT_DUPLICATE_ID, ERR_NONE, NULL,
     "The same ID stands twice: the Signature is checked on one element, another one is read."},
    {"disguised-id", SAML_TRAIT_STRANGE_ID, ERR_NONE, NULL,
     "An attribute looks like an ID and is none (Id, id, xml:id)."},
    {"digest-elsewhere", SAML_TRAIT_DSIG_OUTSIDE, ERR_NONE, NULL,
     "Parts of a Signature stand outside of one, where a search finds them (CVE-2024-45409)."},
    {"comment-in-digest", SAML_TRAIT_SPLIT_DSIG, ERR_NONE, NULL,
     "A value in a Signature is cut by a comment (CVE-2025-29775)."},
    {"void-canonicalization", 0, ERR_NONE, empty_canonical_form,
     "Canonicalization fails on it, and a verifier that does not notice hashes nothing (CVE-2025-66568)."},
    {"changed-after-signing", 0, ERR_NONE, changed_after_signing, "The content is not what was signed."},
    {"signature-stripped", 0, ERR_NONE, stripped, "There is no Signature at all."},
    {"comment-truncation", 0, ERR_NONE, split_text,
     "A comment or CDATA section cuts a text in two, of which many readers see the first part (VU#475445)."},
    {"namespace-confusion", SAML_TRAIT_LOOKALIKE, ERR_NONE, NULL,
     "An element of a foreign namespace has the name of one of SAML's."},
    {"xxe", 0, ERR_NONE, doctype_external, "A DOCTYPE names an external resource, which a parser would read."},
    {"entity-expansion", 0, ERR_NONE, doctype_entities,
     "A DOCTYPE declares entities: a way to consume memory, or to disguise IDs (CVE-2025-23369)."},
    {"dtd-attributes", 0, ERR_NONE, doctype_attlist,
     "A DOCTYPE declares attributes, which makes any of them an ID or gives it a default."},
    {"doctype", 0, ERR_XML_DOCTYPE, NULL, "There is a DOCTYPE, on which parsers disagree (CVE-2025-25291)."},
    {"processing-instruction", 0, ERR_XML_PI, NULL, "There is a processing instruction, on which parsers disagree."},
    {"encoding", 0, ERR_XML_ENCODING, NULL, "The encoding is not UTF-8, or not what it says: a way past filters."},
    {"resource-exhaustion", 0, ERR_NONE, too_much,
     "The document or what it inflates to passes a limit that keeps parsers fast."},
    {"key-substitution", 0, ERR_NONE, signed_by_itself,
     "The signature holds with the certificate that the message brings along, and with no trusted key."},
    {"key-value", 0, ERR_NONE, bare_key_and_no_other,
     "KeyInfo brings a bare key along, which xmlsec believes in its default set-up."},
    {"key-retrieval", SAML_TRAIT_RETRIEVAL, ERR_NONE, NULL, "KeyInfo wants a key to be fetched."},
    {"hmac-confusion", 0, ERR_NONE, uses_hmac, "The method is HMAC, for which a public key becomes the secret."},
    {"sha1-downgrade", 0, ERR_NONE, uses_weak_digest, "The signature or a digest uses SHA-1 or worse."},
    {"weak-key", 0, ERR_NONE, uses_weak_key, "The signing key is an RSA key of less than 2048 bits."},
    {"encrypted-unsigned", 0, ERR_NONE, encrypted_and_unsigned,
     "The assertion is encrypted and nothing outside of it is signed: anybody can encrypt to a service provider."},
    {"clear-beside-encrypted", 0, ERR_NONE, clear_beside_encrypted,
     "An Assertion in clear stands beside an encrypted one."},
    {"several-encrypted", 0, ERR_NONE, several_encrypted, "There are several encrypted assertions."},
    {"cipher-reference", SAML_TRAIT_CIPHER_REFERENCE, ERR_NONE, NULL, "Encrypted content wants to be fetched."},
    {"token-of-another-service", 0, ERR_NONE, for_another_service,
     "The assertion is genuine and meant for another service or address."},
    {"foreign-domain", 0, ERR_NONE, foreign_domain,
     "The assertion is genuine and speaks for a domain that its identity provider does not own."},
    {"replay", 0, ERR_NONE, seen_before, "The same assertion was in an earlier document."},
};
const size_t audit_attacks_n = sizeof audit_attacks / sizeof *audit_attacks;

_Static_assert(sizeof audit_attacks / sizeof *audit_attacks <= 64, "they are bits");

uint64_t audit_attacks_of(const struct audit_result *r, struct slice xml, bool any_trust)
{
    struct attack_facts f = {
        .r = r, .in = &r->in, .xml = xml, .code = r->why.code, .traits = r->in.traits, .any_trust = any_trust};
    uint64_t found = 0;

    f.proven = r->verdict == AUDIT_VALID;
    for (size_t i = 0; i < audit_attacks_n; i++) {
        const struct audit_attack *t = &audit_attacks[i];

        if ((t->traits & f.traits) || (t->code != ERR_NONE && t->code == f.code) || (t->is && t->is(&f)))
            found |= UINT64_C(1) << i;
    }
    return found;
}

uint64_t audit_attack_replay(void)
{
    return UINT64_C(1) << (audit_attacks_n - 1);
}
