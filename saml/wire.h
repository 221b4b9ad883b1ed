/*
 * wire.h - what crosses the pipe between the router (or the command line) and usher-worker.
 *
 * Frames of one fixed header and a payload of length-prefixed fields in a fixed order; integers are little-endian.
 * Both ends decode strictly: a length past its limit, a field missing or left over, an unknown type is an error. The
 * worker is not believed (recheck.h), so a decoded reply is no more than bytes.
 *
 *   frame   = u32 length of the payload | u8 type | 3 zero octets | u64 id | payload
 *
 * The worker answers each JUDGE and INSPECT with one SIGNED, INSPECTED or REFUSED of the same id, in order. TRUSTS
 * replaces the table that the following JUDGE choose from, and has no answer.
 */
#ifndef USHER_SAML_WIRE_H
#define USHER_SAML_WIRE_H

#include "base/buf.h"
#include "saml/inspect.h"
#include "saml/verify.h"

#define WIRE_HEADER_SIZE 16
#define WIRE_PAYLOAD_MAX (40 * 1024 * 1024) /* metadata of a federation, canonical */

enum wire_type {
    WIRE_TRUSTS = 1, /* to the worker */
    WIRE_JUDGE,
    WIRE_INSPECT,
    WIRE_SIGNED = 16, /* from it */
    WIRE_INSPECTED,
    WIRE_REFUSED
};

struct wire_frame {
    enum wire_type type;
    uint64_t id;
    struct slice payload; /* borrows from the input */
};

/* The table of trusts as the worker holds it; the numbers in JUDGE and SIGNED are indexes into it. */
struct wire_trusts {
    struct saml_trust v[SAML_TRUSTS_MAX];
    size_t n;
};

struct wire_judge {
    enum saml_message message;
    int trust; /* index, WIRE_BY_ISSUER or WIRE_NO_TRUST */
    struct slice content_key, xml;
};
#define WIRE_BY_ISSUER (-1)
#define WIRE_NO_TRUST (-2) /* metadata that nobody needs to have signed */

/*
 * One whole frame from the front of `in`: 1 and *ret_used octets, 0 if it is not all there yet, or -1: ERR_WIRE. A
 * header that announces more than WIRE_PAYLOAD_MAX is an error at once.
 */
int wire_next(struct slice in, struct wire_frame *ret, size_t *ret_used, struct err *e);

/* Each appends one frame, or nothing if it would break a limit of the other side: buf_failed() shows it. */
void wire_put_trusts(struct buf *out, const struct saml_trust *const *trusts, size_t n);
void wire_put_judge(struct buf *out, uint64_t id, const struct wire_judge *j);
void wire_put_inspect(struct buf *out, uint64_t id, struct slice xml);
void wire_put_signed(struct buf *out, uint64_t id, const struct saml_signed *s);
void wire_put_inspected(struct buf *out, uint64_t id, const struct saml_inspection *i);
void wire_put_refused(struct buf *out, uint64_t id, size_t trust, const struct err *why);

/*
 * What a SIGNED reply to so much XML may have in its payload: the worker gives each document an arena of this size, and
 * the router replaces a worker that announces more.
 */
static inline size_t wire_reply_max(size_t xml)
{
    size_t n = xml < WIRE_PAYLOAD_MAX ? 16 * xml + 128 * 1024 : WIRE_PAYLOAD_MAX;

    return n < WIRE_PAYLOAD_MAX ? n : WIRE_PAYLOAD_MAX;
}

/* Each decodes a payload of its type; slices point into it. ERR_WIRE, ERR_MEMORY. */
/* Keys are decoded here, once per table, with OpenSSL; free with wire_trusts_free(). */
int wire_get_trusts(struct slice payload, struct wire_trusts *ret, struct err *e);
void wire_trusts_free(struct wire_trusts *t);
int wire_get_judge(struct slice payload, struct wire_judge *ret, struct err *e);
int wire_get_inspect(struct slice payload, struct slice *ret_xml, struct err *e);
int wire_get_signed(struct slice payload, struct saml_signed *ret, struct err *e);
/* The text is copied into `a`, so that it outlives the payload; NULL: it points into the payload. */
int wire_get_inspected(struct slice payload, struct arena *a, struct saml_inspection *ret, struct err *e);
/* 0, and *ret is the refusal; its code is one that a worker may give, else ERR_WIRE. *ret_trust: whose keys were tried,
 * SAML_TRUSTS_MAX if it did not come to that. */
int wire_get_refused(struct slice payload, size_t *ret_trust, struct err *ret, struct err *e);

#endif
