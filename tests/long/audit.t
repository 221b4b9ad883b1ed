#!/bin/sh
# audit.t - part of `make check-long`: `usher audit` over USHER_AUDIT_DOCUMENTS messages (100,000 unless given) in one run. Memory is
# flat, of the command and of each of its workers; every core has a worker, and each of them works. The counting is in audit.pl.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

n=${USHER_AUDIT_DOCUMENTS:-100000}
[ "$n" -ge 1000 ] || bail "USHER_AUDIT_DOCUMENTS is at least 1000"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/c" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/c/idp.pem" https://idp.other.test/sso
mkdir "$E2E_DIR/minted"
for i in 0 1 2 3 4 5 6 7 8 9; do
	"$USHER_LAB" mint --key "$E2E_DIR/c/idp.key" --cert "$E2E_DIR/c/idp.pem" --issuer https://idp.other.test/ \
		--audience https://login.usher.test/saml/metadata --acs https://login.usher.test/saml/acs --name-id ada@usher.test \
		--email ada@usher.test > "$E2E_DIR/minted/$i.xml" || bail "nothing was minted"
done
perl "$(dirname "$(readlink -f "$0")")/audit.pl" "$n" "$E2E_DIR/minted" "$E2E_DIR/out" "$E2E_DIR/err" \
	"$USHER" audit --trust "$E2E_DIR/idp.xml" --format jsonl - > "$E2E_DIR/numbers" || bail "no numbers: $(tail -3 "$E2E_DIR/err")"
number() {
	sed -n "s/^$1 //p" "$E2E_DIR/numbers"
}
flat() { # WHAT AT-A-TENTH AT-ALL
	ok "memory of $1 is flat: peak $3 KiB after $n documents, $2 KiB after a tenth" [ $(($3 * 10)) -le $(($2 * 13)) ]
}

is "exit 1: there are findings" "$(number exit)" 1
is "$n documents are judged, each once, in order, every second one forged" \
	"$(jq -r '"\(.document) \(.signature)"' "$E2E_DIR/out" | awk '$1 != NR || $2 != (NR % 2 ? "valid" : "invalid") { bad++ } END { print NR, bad + 0 }')" "$n 0"
is "no assertion of its own is taken for a replay" "$(jq -r 'select(.signature == "invalid" and .first_seen) | .document' "$E2E_DIR/out" | head -1)" ""
flat "the command" $(number front)
# by size: which one got the larger documents is chance
flat "the largest worker" $(number largest)
cores=$(number cores)
is "every core had a worker" "$(number workers)" "$cores"
is "each did more than a tenth of what the busiest did (CPU ticks:$(number ticks | sed 's/^/ /'))" "$(number busy)" "$cores"
echo "# $(number seconds) s, CPU ticks of the command $(number command), of its workers $(number ticks)"
done_testing
