#!/bin/sh
# browser.t - the whole picture with real parts: Chromium, nginx with the recipe of docs/deploy-nginx.md, usher, and
# SimpleSAMLphp as identity provider on another site. What only a browser can show: cookies across sites, forms that post
# themselves, Back, tabs, double clicks. The checks are in lib/browser-*.js, what they share in lib/site.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/site.sh"

missing=$(site_missing)
[ -z "$missing" ] || skip_all "$missing"
site_start
site_usher
site_checks browser-checks.js || exit 1
site_sane || exit 1
