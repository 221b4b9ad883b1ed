/* audit_json.c - see audit_json.h. */
#include "cli/audit_json.h"

#include <inttypes.h>
#include <openssl/sha.h>

enum state {
    AT_TOP = 0, /* between values that stand one after the other */
    AT_VALUE,   /* behind ':' or ',' */
    AT_ELEMENT, /* behind '[' */
    AT_MEMBER,  /* behind '{' */
    AT_KEY,     /* behind ',' in an object */
    AT_COLON,   /* behind a key */
    AT_NEXT,    /* behind a value */
    IN_STRING,  /* and three states in it */
    IN_ESCAPE,
    IN_UNICODE,
    IN_LITERAL, /* true, false, null */
    IN_NUMBER   /* held to the alphabet of numbers only: nothing hangs on it */
};

static const struct audit_json_level *innermost(const struct audit_json *j)
{
    return j->depth ? &j->stack[j->depth - 1] : NULL;
}

/* --- what is found ----------------------------------------------------------------------------------------------- */

static void print_path(const struct audit_json *j, char *dst, size_t size)
{
    size_t at = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < j->depth && at < size; i++) {
        const struct audit_json_level *l = &j->stack[i];
        int n = l->array ? snprintf(dst + at, size - at, "[%" PRIu64 "]", l->index)
                         : snprintf(dst + at, size - at, "%s%s", at ? "." : "", l->key);

        if (n < 0)
            return;
        at += (size_t)n;
    }
}

static bool in_har(const struct audit_json *j)
{
    return j->depth > 3 && !j->stack[0].array && strcmp(j->stack[0].key, "log") == 0 && !j->stack[1].array &&
           strcmp(j->stack[1].key, "entries") == 0 && j->stack[2].array;
}

/* True the first time in an entry. Past the room that there is, everything is new. */
static bool is_new(struct audit_json *j, struct slice xml)
{
    unsigned char sha256[32];

    (void)SHA256((const unsigned char *)xml.p, xml.n, sha256);
    for (size_t i = 0; i < j->nseen; i++) {
        if (memcmp(j->seen[i], sha256, sizeof sha256) == 0)
            return false;
    }
    if (j->nseen < sizeof j->seen / sizeof *j->seen)
        memcpy(j->seen[j->nseen++], sha256, sizeof sha256);
    return true;
}

static int found_in_string(void *arg, const struct audit_found *f)
{
    struct audit_json *j = arg;
    char path[AUDIT_JSON_PATH_SIZE];

    if (in_har(j) && !f->why && !is_new(j, f->xml))
        return 0;
    print_path(j, path, sizeof path);
    return j->found(j->arg, f, path, in_har(j) ? (int64_t)j->stack[2].index : -1);
}

/* --- strings ----------------------------------------------------------------------------------------------------- */

static int put(struct audit_json *j, const char *p, size_t n)
{
    struct audit_json_level *l = &j->stack[j->depth ? j->depth - 1 : 0];

    if (!j->is_key)
        return audit_text_feed(&j->text, p, n);
    for (size_t i = 0; i < n && j->key_len + 1 < sizeof l->key; i++)
        l->key[j->key_len++] = p[i];
    l->key[j->key_len] = '\0';
    return 0;
}

static int put_code_point(struct audit_json *j, unsigned c)
{
    char utf8[4];
    size_t n = 0;

    if (c < 0x80) {
        utf8[n++] = (char)c;
    } else if (c < 0x800) {
        utf8[n++] = (char)(0xc0 | c >> 6);
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            utf8[n++] = (char)(0xe0 | c >> 12);
        } else {
            utf8[n++] = (char)(0xf0 | c >> 18);
            utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        }
        utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    }
    return put(j, utf8, n);
}

/* The code in \uXXXX is complete. Half a pair alone stands for nothing that a message could hold. */
static int end_unicode(struct audit_json *j)
{
    unsigned c = j->code;

    j->state = IN_STRING;
    if (c >= 0xd800 && c < 0xdc00) {
        j->high = c;
        return 0;
    }
    if (c >= 0xdc00 && c < 0xe000)
        c = j->high ? 0x10000 + ((j->high - 0xd800) << 10) + (c - 0xdc00) : 0xfffd;
    j->high = 0;
    return put_code_point(j, c);
}

static void begin_string(struct audit_json *j, bool is_key)
{
    j->state = IN_STRING;
    j->is_key = is_key;
    j->high = 0;
    if (is_key) {
        j->key_len = 0;
        j->stack[j->depth - 1].key[0] = '\0';
    } else {
        audit_text_begin(&j->text, j->line, j->offset);
    }
}

static int end_string(struct audit_json *j)
{
    j->state = j->is_key ? AT_COLON : j->depth ? AT_NEXT : AT_TOP;
    return j->is_key ? 0 : audit_text_end(&j->text);
}

/* As many octets as stand for themselves. */
static int plain_run(struct audit_json *j, struct slice s, size_t *ret_n)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '"' && s.p[n] != '\\' && (unsigned char)s.p[n] >= 0x20)
        n++;
    *ret_n = n;
    return n ? put(j, s.p, n) : 0;
}

static int escape(struct audit_json *j, char c, bool *ret_bad)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = c ? strchr(from, c) : NULL;

    if (c == 'u') {
        j->state = IN_UNICODE;
        j->code = j->digits = 0;
        return 0;
    }
    *ret_bad = !p;
    j->state = IN_STRING;
    return p ? put(j, &to[p - from], 1) : 0;
}

static int unicode(struct audit_json *j, char c, bool *ret_bad)
{
    int digit = ascii_hex_value(c);

    if (digit < 0) {
        *ret_bad = true;
        return 0;
    }
    j->code = j->code << 4 | (unsigned)digit;
    return ++j->digits == 4 ? end_unicode(j) : 0;
}

/* --- structure --------------------------------------------------------------------------------------------------- */

static bool open_level(struct audit_json *j, bool array)
{
    if (j->depth == AUDIT_JSON_DEPTH)
        return false;
    j->stack[j->depth++] = (struct audit_json_level){.array = array};
    j->state = array ? AT_ELEMENT : AT_MEMBER;
    return true;
}

static bool close_level(struct audit_json *j, bool array)
{
    if (!j->depth || innermost(j)->array != array)
        return false;
    j->depth--;
    j->state = j->depth ? AT_NEXT : AT_TOP;
    if (j->depth == 3)
        j->nseen = 0; /* an entry of a HAR has ended */
    return true;
}

static bool begin_literal(struct audit_json *j, const char *text)
{
    j->literal_len = strlen(text);
    memcpy(j->literal, text, j->literal_len);
    j->literal_at = 1;
    j->state = IN_LITERAL;
    return true;
}

static bool begin_value(struct audit_json *j, char c)
{
    switch (c) {
    case '"': begin_string(j, false); return true;
    case '{': return open_level(j, false);
    case '[': return open_level(j, true);
    case 't': return begin_literal(j, "true");
    case 'f': return begin_literal(j, "false");
    case 'n': return begin_literal(j, "null");
    default: j->state = IN_NUMBER; return c == '-' || ascii_is_digit(c);
    }
}

static bool next(struct audit_json *j, char c)
{
    if (c == ',') {
        j->stack[j->depth - 1].index++;
        j->state = innermost(j)->array ? AT_VALUE : AT_KEY;
        return true;
    }
    return (c == ']' || c == '}') && close_level(j, c == ']');
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One octet outside of strings; false: it cannot be there. */
static bool structure(struct audit_json *j, char c)
{
    switch ((enum state)j->state) {
    case IN_LITERAL:
        if (c != j->literal[j->literal_at])
            return false;
        if (++j->literal_at == j->literal_len)
            j->state = j->depth ? AT_NEXT : AT_TOP;
        return true;
    case IN_NUMBER:
        if (ascii_is_digit(c) || (c && strchr("+-.eE", c)))
            return true;
        j->state = j->depth ? AT_NEXT : AT_TOP;
        return structure(j, c);
    case AT_TOP:
    case AT_VALUE: return is_space(c) || begin_value(j, c);
    case AT_ELEMENT: return is_space(c) || (c == ']' ? close_level(j, true) : begin_value(j, c));
    case AT_MEMBER:
        if (c == '}')
            return close_level(j, false);
        /* fall through */
    case AT_KEY:
        if (c == '"')
            begin_string(j, true);
        return is_space(c) || c == '"';
    case AT_COLON:
        if (c == ':')
            j->state = AT_VALUE;
        return is_space(c) || c == ':';
    case AT_NEXT: return is_space(c) || next(j, c);
    case IN_STRING:
    case IN_ESCAPE:
    case IN_UNICODE: break;
    }
    return false;
}

/* The octet at `s` and, of a string, those behind it that stand for themselves. */
static int step(struct audit_json *j, struct slice s, size_t *ret_n, bool *ret_bad)
{
    *ret_n = 1;
    switch ((enum state)j->state) {
    case IN_STRING:
        if (s.p[0] == '"')
            return end_string(j);
        if (s.p[0] == '\\') {
            j->state = IN_ESCAPE;
            return 0;
        }
        *ret_bad = (unsigned char)s.p[0] < 0x20;
        return *ret_bad ? 0 : plain_run(j, s, ret_n);
    case IN_ESCAPE: return escape(j, s.p[0], ret_bad);
    case IN_UNICODE: return unicode(j, s.p[0], ret_bad);
    case AT_TOP:
    case AT_VALUE:
    case AT_ELEMENT:
    case AT_MEMBER:
    case AT_KEY:
    case AT_COLON:
    case AT_NEXT:
    case IN_LITERAL:
    case IN_NUMBER: break;
    }
    *ret_bad = !structure(j, s.p[0]);
    return 0;
}

/* --- interface --------------------------------------------------------------------------------------------------- */

void audit_json_init(struct audit_json *j,
                     int (*found)(void *arg, const struct audit_found *f, const char *path, int64_t entry), void *arg)
{
    *j = (struct audit_json){.found = found, .arg = arg, .line = 1};
    audit_text_init(&j->text, found_in_string, j);
    j->text.fixed = true;
}

void audit_json_free(struct audit_json *j)
{
    audit_text_free(&j->text);
}

int audit_json_feed(struct audit_json *j, const char *p, size_t n, size_t *ret_used)
{
    size_t at = 0;

    while (at < n) {
        bool bad = false;
        size_t took;
        int r = step(j, slice_make(p + at, n - at), &took, &bad);

        *ret_used = at;
        if (r != 0 || bad)
            return r;
        j->line += p[at] == '\n'; /* a run within a string holds none */
        j->offset += took;
        at += took;
    }
    *ret_used = n;
    return 0;
}

int audit_json_end(struct audit_json *j, bool *ret_whole)
{
    *ret_whole = j->depth == 0 && (j->state == AT_TOP || j->state == IN_NUMBER);
    if ((j->state == IN_STRING || j->state == IN_ESCAPE || j->state == IN_UNICODE) && !j->is_key)
        return audit_text_end(&j->text);
    return 0;
}
