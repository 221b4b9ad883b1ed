/* config_impl.h - between config.c (the file as a whole, applications) and config_idp.c (identity providers). */
#ifndef USHER_ROUTER_CONFIG_IMPL_H
#define USHER_ROUTER_CONFIG_IMPL_H

#include "router/config.h"

/* The whole file, at most as much as `out` holds. ERR_IO, ERR_LIMIT. */
int config_read_file(const char *path, struct buf *out, struct err *e);

/* Reads c->idps_node into c->idps, metadata files included. Problems are recorded. */
void config_idps_read(struct config *c, struct conf_problems *p);
/* What needs the rest of the file: entity_id and sp_keys. After config_idps_read(). */
void config_idps_finish(struct config *c, struct conf_problems *p);
void config_idps_free(struct config *c);
void config_idps_print(const struct config *c, struct buf *out);
void config_idps_print_docs(struct buf *out);

#endif
