// set-cookie.js - byte checks of Set-Cookie that several tests share, so that a mutant meets the very check of login.t.
'use strict';
const assert = require('assert');

// The Set-Cookie line of the cookie whose name starts with `prefix`; there must be exactly one.
function setCookie(headers, prefix) {
	const lines = (headers['set-cookie'] || []).filter((line) => line.startsWith(prefix));
	assert.strictEqual(lines.length, 1, `Set-Cookie of ${prefix}: ${lines}`);
	return lines[0];
}

// The attributes of a line, in lower case, sorted.
function attributes(line) {
	return line.split(';').slice(1).map((a) => a.trim().toLowerCase()).sort();
}

// The pending login comes back with a cross-site POST: it must say SameSite=None. A browser sends a cookie that says nothing
// with such a POST as well, but for two minutes only, so that a login in a browser does not tell the two apart.
function checkPending(headers) {
	assert.deepStrictEqual(attributes(setCookie(headers, '__Host-usher-p-')), ['httponly', 'max-age=900', 'path=/', 'samesite=none', 'secure']);
}

// A session is for this host, for as long as the browser runs, and not for cross-site POSTs.
function checkSession(headers) {
	assert.deepStrictEqual(attributes(setCookie(headers, '__Host-usher=')), ['httponly', 'path=/', 'samesite=lax', 'secure']);
}

module.exports = { checkPending, checkSession };
