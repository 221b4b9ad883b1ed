/*
 * store.h - everything that outlives the process: accounts, grants, sessions, replay memory, events.
 *
 * The one view of the database. Every function blocks and is thread-safe: call it from a job thread, never from an
 * event loop. Writes of all threads are collected by one writer into shared transactions (group commit); a call returns
 * when its own write is durable, and a write that fails leaves the others of its transaction alone. Rows are plain
 * structs of terminated text; "" and 0 mean absent (NULL in the database). Nothing here logs, reads a clock or decides
 * policy.
 */
#ifndef USHER_ACCOUNTS_STORE_H
#define USHER_ACCOUNTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/email.h"
#include "base/err.h"
#include "base/str.h"

#define STORE_IDP_MAX 64
#define STORE_NAME_MAX 256
#define STORE_SUBJECT_MAX 256 /* SAML core 8.3: a NameID has at most 256 characters; octets here */
#define STORE_REPLAY_MAX 1024 /* an issuer, a message's ID */
#define STORE_HASH_MAX 128    /* a password hash as text (crypto_pwhash_STRBYTES) */
#define STORE_KIND_MAX 31
#define STORE_NOTE_MAX 256 /* owner, reason, created_by */
#define STORE_NETWORKS_MAX 1024
#define STORE_GROUPS_MAX 16384
#define STORE_DETAIL_MAX 4096
#define STORE_REQUEST_ID_MAX 64
#define STORE_TOKEN_HASH_BYTES 32
#define STORE_LANDING_BYTES 16
#define STORE_KEY_BYTES 32 /* SHA-256 of a SubjectPublicKeyInfo: the name of a key */
#define STORE_KEY_SUBJECT_MAX 159
#define STORE_URL_MAX 2048
#define STORE_ERROR_MAX 639
#define STORE_DOCUMENT_MAX (16 * 1024 * 1024)

struct store;

/*
 * "sqlite:/path/usher.db", or "sqlite::memory:" (private to this handle; for tests). Creates the file (mode 600) and
 * brings the schema up to date. ERR_STORE; ERR_STORE_VERSION if a newer usher wrote it or a migration was altered;
 * ERR_NOT_SUPPORTED for "postgresql://"; ERR_CONFIG for any other form; ERR_BUSY as for every write.
 */
int store_open(const char *url, struct store **ret, struct err *e);
/* Finishes queued writes. No call may be under way or follow. NULL is fine. */
void store_close(struct store *s);

/*
 * Codes that every function below may raise besides its own: ERR_STORE (the database failed, nothing was changed),
 * ERR_BUSY (the write queue is full, or another process held the database for more than five seconds), ERR_MEMORY,
 * ERR_LIMIT (a text is longer than its field).
 */

/* Rises whenever something changed that a running daemon must notice: grants, accounts, ended sessions; by whichever
 * process. Cheap enough for every 500 ms: no table is read while nobody else wrote. */
int store_changes(struct store *s, int64_t *ret, struct err *e);

/* For tests and metrics. */
struct store_counters {
    uint64_t reads;   /* read operations started */
    uint64_t writes;  /* write operations acknowledged */
    uint64_t commits; /* transactions committed for them */
};
void store_counters(struct store *s, struct store_counters *ret);

/* --- events ------------------------------------------------------------------------------------------------------ */

struct event {
    int64_t id; /* rises; set by the store */
    int64_t at;
    char request_id[STORE_REQUEST_ID_MAX + 1]; /* what the person was shown; unique; "" for none */
    char kind[STORE_KIND_MAX + 1]; /* "login.accepted", "login.refused", "session.ended", "grant.added", ... */
    char code[64];                 /* err_name() of a refusal */
    char email[EMAIL_MAX + 1];
    int64_t account_id; /* kept after the account is deleted */
    char idp[STORE_IDP_MAX + 1];
    char client[48];                   /* network address */
    char detail[STORE_DETAIL_MAX + 1]; /* a JSON object, or "" */
};

/* Every write below that takes `log` appends it in the same transaction; NULL: nothing is appended. */
int store_event_append(struct store *s, const struct event *ev, struct err *e);
/* *ret_found says whether there is one. */
int store_event_find(struct store *s, const char *request_id, struct event *ret, bool *ret_found, struct err *e);
/* In order of id, those with id > after_id and at >= since, at most `limit` (0: all). `each` returns false to stop; it
 * must not call the store. */
int store_event_list(struct store *s, int64_t after_id, int64_t since, size_t limit,
                     bool (*each)(void *ctx, const struct event *ev), void *ctx, struct err *e);

/* --- accounts ---------------------------------------------------------------------------------------------------- */

struct account {
    int64_t id;
    char email_key[EMAIL_MAX + 1]; /* struct email key; unique */
    char email[EMAIL_MAX + 1];     /* as shown */
    char name[STORE_NAME_MAX + 1];
    char kind[STORE_KIND_MAX + 1];       /* "person", "room", "service": free text for the administrator */
    char idp[STORE_IDP_MAX + 1];         /* with subject: the identity at the IdP; unique as a pair, both or neither */
    char subject[STORE_SUBJECT_MAX + 1]; /* its immutable id (Entra: object id), never the e-mail */
    char password_hash[STORE_HASH_MAX + 1];
    bool disabled;
    int64_t created;
    int64_t last_login;
    char source[STORE_KIND_MAX + 1]; /* "cli" or "jit" */
};

/* a->id is ignored. ERR_ACCOUNT_EXISTS if address or identity are taken. */
int store_account_add(struct store *s, const struct account *a, const struct event *log, int64_t *ret_id,
                      struct err *e);
int store_account_by_email(struct store *s, const char *email_key, struct account *ret, bool *ret_found, struct err *e);
int store_account_by_subject(struct store *s, const char *idp, const char *subject, struct account *ret,
                             bool *ret_found, struct err *e);
/* In order of e-mail key. `each` returns false to stop; it must not call the store. */
int store_account_list(struct store *s, bool (*each)(void *ctx, const struct account *a), void *ctx, struct err *e);
/* Disabling ends all sessions of the account in the same transaction. ERR_ACCOUNT_NONE, as for the four below. */
int store_account_set_disabled(struct store *s, int64_t id, bool disabled, int64_t now, const struct event *log,
                               struct err *e);
/* `hash` NULL or "": no password any more. With end_sessions all sessions of the account end (do that for a changed
 * password, not for a rehash). */
int store_account_set_password(struct store *s, int64_t id, const char *hash, bool end_sessions, int64_t now,
                               const struct event *log, struct err *e);
/* Binds (idp, subject). ERR_LINK_REFUSED if the account is bound to another identity or the identity to another
 * account; the same binding again is fine. */
int store_account_link(struct store *s, int64_t id, const char *idp, const char *subject, const struct event *log,
                       struct err *e);
/* Takes the binding away and ends all sessions of the account. */
int store_account_unlink(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e);
/* Ends its sessions too; events stay. */
int store_account_delete(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e);

/* --- grants: exceptions held in the store ------------------------------------------------------------------------ */

/* Text as in the configuration; policy/grant.h gives it meaning. */
struct account_grant_row {
    int64_t id;
    char account[EMAIL_MAX + 1];   /* an address key, or a pattern */
    char kind[STORE_KIND_MAX + 1]; /* "outside" or "fallback" */
    char owner[STORE_NOTE_MAX + 1];
    char reason[STORE_NOTE_MAX + 1];
    int64_t from;                          /* 0: at once */
    int64_t until;                         /* exclusive; 0: without end */
    char networks[STORE_NETWORKS_MAX + 1]; /* netblocks, separated by one space; "": anywhere */
    char condition[STORE_KIND_MAX + 1];    /* the key `while`: "idp-failing" or "" */
    int64_t created;
    char created_by[STORE_NOTE_MAX + 1];
    int64_t last_used;
    int64_t revoked_at;
};

/* ERR_GRANT if account, kind, owner or reason is missing or wrong, or until <= from. */
int store_grant_add(struct store *s, const struct account_grant_row *g, const struct event *log, int64_t *ret_id,
                    struct err *e);
/* ERR_GRANT if there is none with this id, or it is revoked already. */
int store_grant_revoke(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e);
/* Records the use. Does not count as a change. */
int store_grant_touch(struct store *s, int64_t id, int64_t now, struct err *e);
/* In order of id; revoked ones only if asked for; ones past `until` are listed. As for the other lists. */
int store_grant_list(struct store *s, bool with_revoked, bool (*each)(void *ctx, const struct account_grant_row *g),
                     void *ctx, struct err *e);

/* --- sessions ---------------------------------------------------------------------------------------------------- */

/*
 * A session is one sign-in of one person. It has a token per host: the login host's, and one for every application
 * host that a landing opened. A token knows only its host and its session, so all of them end together, and activity
 * on any host counts for all. accounts/session.h keeps sessions in memory; these are the rows.
 */
struct session_row {
    int64_t id;
    int64_t account_id;
    char email[EMAIL_MAX + 1];
    char name[STORE_NAME_MAX + 1];
    char door[STORE_KIND_MAX + 1]; /* "sso" or "password" */
    char idp[STORE_IDP_MAX + 1];
    char subject[STORE_SUBJECT_MAX + 1]; /* immutable id */
    char name_id[STORE_SUBJECT_MAX + 1]; /* NameID and SessionIndex as received: for logout */
    char session_index[STORE_SUBJECT_MAX + 1];
    char name_id_format[STORE_SUBJECT_MAX + 1], name_qualifier[STORE_SUBJECT_MAX + 1];
    char sp_name_qualifier[STORE_SUBJECT_MAX + 1];
    int64_t created;
    int64_t last_seen;
    int64_t idle_sec;     /* it ends at last_seen + idle_sec */
    int64_t absolute_end; /* and here: the earlier of our limit and SessionNotOnOrAfter */
    int64_t revoked_at;
    bool has_key;                              /* SSO: the signing key that verified the login is known */
    unsigned char key_sha256[STORE_KEY_BYTES]; /* it; distrusting that key ends the session */
    char groups[STORE_GROUPS_MAX + 1];         /* one a line, no empty line, no newline at the end */
};
/* Neither revoked nor idle nor past its end. */
bool session_row_alive(const struct session_row *row, int64_t now);

struct session_token_row {
    unsigned char hash[STORE_TOKEN_HASH_BYTES]; /* SHA-256 of the token */
    char host[DOMAIN_MAX + 1];
};

/* The session with a token of this hash, dead or alive, the token's host, and store_changes() as of this reading. */
int store_session_find(struct store *s, const unsigned char hash[STORE_TOKEN_HASH_BYTES], struct session_row *ret,
                       char ret_host[DOMAIN_MAX + 1], int64_t *ret_changes, bool *ret_found, struct err *e);
/*
 * Adds a token for another host to a living session; `landing` is spent by it: ERR_LAND if it was spent before,
 * ERR_SESSION_NONE if the session is not alive. It counts as activity. `last_seen`: when this process saw the session,
 * if that is later than what the row says. `ret` as store_session_find().
 */
int store_session_add_token(struct store *s, int64_t session_id, const struct session_token_row *token,
                            const unsigned char landing[STORE_LANDING_BYTES], int64_t last_seen, int64_t now,
                            struct session_row *ret, int64_t *ret_changes, struct err *e);
struct session_touch {
    int64_t id;
    int64_t last_seen;
};
/* Moves last_seen forward, never back. */
int store_session_touch(struct store *s, const struct session_touch *v, size_t n, struct err *e);

enum session_selector { SESSION_BY_ID, SESSION_BY_TOKEN, SESSION_BY_ACCOUNT, SESSION_BY_NAME_ID };
struct session_select {
    enum session_selector by;
    int64_t id;                /* session or account */
    const unsigned char *hash; /* SESSION_BY_TOKEN */
    const char *idp;           /* SESSION_BY_NAME_ID: what a LogoutRequest names */
    const char *name_id;
    const char *session_index; /* NULL or "": every session of this NameID */
    /* Of the NameID; NULL, "" or "unspecified": any. A session that was opened without one matches. */
    const char *name_id_format, *name_qualifier, *sp_name_qualifier;
};
/* Ends the living sessions that match; *ret_n may be 0 (then `log` is not appended). */
int store_session_revoke(struct store *s, const struct session_select *which, int64_t now, const struct event *log,
                         size_t *ret_n, struct err *e);
/* The rule for one attribute of a NameID, a session's and a message's: no contradiction. `format`: "unspecified" says
 * nothing either. */
bool store_name_id_fits(const char *stored, struct slice asked, bool format);
/* How many living sessions match SESSION_BY_NAME_ID. */
int store_session_count(struct store *s, const struct session_select *which, int64_t now, size_t *ret_n, struct err *e);
/* One session, dead or alive, by its number. */
int store_session_get(struct store *s, int64_t id, struct session_row *ret, bool *ret_found, struct err *e);

/* A signed LogoutRequest: its ID is remembered and the sessions end, together or not at all. */
struct store_logout {
    const char *issuer, *message_id; /* replay memory; an ID that no assertion can have ("logout:" and its own) */
    int64_t valid_until;             /* the row may be purged 24 hours after it */
    struct session_select who;       /* SESSION_BY_NAME_ID; its session_index is not looked at */
    const char *const *session_index;
    size_t nsession_index; /* 0: every session of the NameID */
    const struct event *log;
};
/* *ret_n sessions ended, 0 if none matched (then `log` is not appended). ERR_REPLAY: this message was here before. */
int store_logout(struct store *s, const struct store_logout *in, int64_t now, size_t *ret_n, struct err *e);

/* Ids of sessions that were ended after change number `since`, to be freed by the caller, and store_changes() as of
 * this reading. */
int store_session_revoked_since(struct store *s, int64_t since, int64_t **ret_ids, size_t *ret_n, int64_t *ret_changes,
                                struct err *e);
/* Living sessions in order of id. As for the other lists. */
int store_session_list(struct store *s, int64_t now, bool (*each)(void *ctx, const struct session_row *row), void *ctx,
                       struct err *e);

/* --- a login: one transaction ------------------------------------------------------------------------------------ */

enum login_account {
    LOGIN_REFUSED = 0, /* zero is no: refused as ERR_INTERNAL */
    LOGIN_EXISTING,    /* account_id; if idp is set, the account must carry (idp, subject) */
    LOGIN_LINK,        /* account_id, which has no identity yet, gets (idp, subject) */
    LOGIN_CREATE       /* a new account from session.email, .name, .idp, .subject and email_key, source "jit" */
};

struct store_login {
    /* Replay memory. assertion_id "" for a password. The row may be purged 24 hours after valid_until. */
    const char *issuer;
    const char *assertion_id;
    int64_t valid_until;
    /* The account, as decided before; re-checked here by unique keys. */
    enum login_account account;
    int64_t account_id;
    const char *email_key;
    const char *password_hash; /* the one that was checked; ERR_PASSWORD if it is another by now. NULL: not checked */
    /* The session: id, account_id, last_seen and revoked_at are ignored. */
    const struct session_row *session;
    const struct session_token_row *token;
    int64_t replaces; /* session this browser held before, ended by this one; 0: none */
    const struct event *log;
};
struct store_login_result {
    int64_t account_id;
    int64_t session_id;
    bool created;    /* a new account */
    bool linked;     /* the identity was bound now */
    bool email_kept; /* the account keeps its old address, as the asserted one belongs to another account */
    int64_t changes; /* store_changes() as of this transaction */
};
/*
 * Replay row, account, session and event together or not at all. An existing account takes over name and, unless it is
 * another account's, address. ERR_REPLAY: (issuer, assertion id) was used.
 * ERR_SIGNATURE: the session's key was distrusted meanwhile. ERR_ACCOUNT_DISABLED, ERR_ACCOUNT_NONE.
 * ERR_LINK_REFUSED: the address or the identity belongs to somebody else by now. Two first logins of one person at the
 * same time end in one account.
 */
int store_login_commit(struct store *s, const struct store_login *in, struct store_login_result *ret, struct err *e);

/* --- metadata and keys of identity providers --------------------------------------------------------------------- */

/* What is known about one identity provider's metadata. The document is as the router read it, not as it was sent. */
struct idp_metadata {
    int64_t revision;                /* rises with every change of documents and with every distrusted key */
    char url[STORE_URL_MAX + 1];     /* that the document came from; "" if it was never fetched */
    struct slice document;           /* in force, in the arena; p NULL: none yet */
    int64_t fetched;                 /* when it was last received, the same again included */
    int64_t checked, next;           /* last attempt; when the next one is due */
    int64_t failures;                /* attempts in a row that brought no usable document */
    char error[STORE_ERROR_MAX + 1]; /* of the last attempt; "" if it succeeded */
    struct slice pending;            /* waits for an administrator; p NULL: none */
    int64_t pending_since;
};
/* Documents are copied into `a`. *ret is all zero if there is none. */
int store_idp_metadata(struct store *s, const char *idp, struct arena *a, struct idp_metadata *ret, bool *ret_found,
                       struct err *e);

struct idp_key {
    unsigned char sha256[STORE_KEY_BYTES];
    char subject[STORE_KEY_SUBJECT_MAX + 1]; /* of its certificate */
    int64_t not_after;                       /* of its certificate */
    int64_t first_seen, first_used, last_used;
    int64_t removed_at; /* no document in force announces it since */
    int64_t distrusted_at;
    char reason[STORE_NOTE_MAX + 1];
};

enum idp_outcome {
    IDP_FAILED = 0, /* nothing usable came: `error` says why */
    IDP_CURRENT,    /* `document` is in force from now on, with `keys` */
    IDP_PENDING     /* `document` waits for an administrator, what is in force stays */
};
struct idp_update {
    const char *idp;
    enum idp_outcome outcome;
    int64_t revision; /* that the decision was made on; 0: there was no row. ERR_BUSY if it is another by now */
    const char *url;
    int64_t now, next; /* `next` 0: stays as it is */
    const char *error;
    struct slice document;
    const struct idp_key *keys; /* IDP_CURRENT: names, subjects and expiry of all of them; others count as removed */
    size_t nkeys;
    const struct event *log;
};
int store_idp_update(struct store *s, const struct idp_update *u, struct err *e);

/* In order of first_seen. As for the other lists. */
int store_idp_keys(struct store *s, const char *idp, bool (*each)(void *ctx, const struct idp_key *k), void *ctx,
                   struct err *e);
/* For metadata that is a file: these keys are announced, others are not. Does not count as a change. */
int store_idp_seen(struct store *s, const char *idp, const struct idp_key *keys, size_t n, int64_t now, struct err *e);
struct idp_use {
    const char *idp;
    unsigned char sha256[STORE_KEY_BYTES];
    int64_t first, last;
};
/* Records the uses. Does not count as a change. */
int store_idp_used(struct store *s, const struct idp_use *v, size_t n, struct err *e);
/* The key never counts again for this identity provider, known or not; sessions that it opened end (*ret_sessions).
 * Again is fine: the first reason stays. */
int store_idp_distrust(struct store *s, const char *idp, const unsigned char sha256[STORE_KEY_BYTES],
                       const char *reason, int64_t now, const struct event *log, size_t *ret_sessions, struct err *e);
/* The revision of every identity provider that has one. As for the other lists. */
int store_idp_revisions(struct store *s, bool (*each)(void *ctx, const char *idp, int64_t revision), void *ctx,
                        struct err *e);

/* True in *ret if (issuer, assertion id) was used. Only to explain; the commit decides. */
int store_replay_seen(struct store *s, const char *issuer, const char *assertion_id, bool *ret, struct err *e);

/* Removes a bounded number of rows that can no longer matter: replay rows 24 h after valid_until, sessions 24 h after
 * their end, events older than keep_events_sec (0: keep all). Call it every few minutes. *ret_n rows went. */
int store_purge(struct store *s, int64_t now, int64_t keep_events_sec, size_t *ret_n, struct err *e);

#endif
