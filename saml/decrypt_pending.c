/*
 * decrypt_pending.c - stands in for the two functions of decrypt.h that configuration links against, until decrypt.c is
 * merged: then this file goes.
 */
#include "saml/decrypt.h"

int __attribute__((weak))
saml_sp_keys_add_pem(struct saml_sp_keys *k, struct slice pem, bool certificate_needed, struct err *e)
{
    (void)k;
    (void)pem;
    (void)certificate_needed;
    return err_set(e, ERR_NOT_SUPPORTED, "keys of the service provider");
}

void __attribute__((weak)) saml_sp_keys_free(struct saml_sp_keys *k)
{
    *k = (struct saml_sp_keys){.n = 0};
}
