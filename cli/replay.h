/*
 * replay.h - the replay memory of `usher verify --replay FILE`: one line per accepted assertion,
 * "SHA-256(issuer NUL id) in hex, last second of validity".
 */
#ifndef USHER_CLI_REPLAY_H
#define USHER_CLI_REPLAY_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Atomic across processes (the file is locked). ERR_REPLAY if it is there already, ERR_IO. */
int replay_remember(const char *path, struct slice issuer, struct slice id, int64_t valid_until, struct err *e);

#endif
