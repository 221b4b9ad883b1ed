// entra.js - the checks of entra.t.
'use strict';
const { execFileSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const { Client, fields, requestId, authnRequest } = require('./client.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const CLAIMS = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/';
const IDENTITY_PROVIDER = 'http://schemas.microsoft.com/identity/claims/identityprovider';
const OVERAGE = 'http://schemas.microsoft.com/claims/groups.link';
const config = `${env.E2E_DIR}/usher.yaml`;

const usher = (command, ...args) => execFileSync(env.USHER, [...command.split(' '), '-c', config, ...args], { encoding: 'utf8' });

// A minted Response as the form value; `o` are options of `usher-lab mint`.
function mint(request, o = {}) {
	const all = { key: `${env.E2E_DIR}/certs/idp.key`, cert: `${env.E2E_DIR}/certs/idp.pem`, issuer: `https://sts.windows.net/${env.TENANT}/`,
		audience: `${LOGIN}/saml/metadata`, acs: `${LOGIN}/saml/acs`, tenant: env.TENANT, 'name-id': 'ada@usher.test', upn: 'ada@usher.test',
		email: 'ada@usher.test', 'object-id': 'oid-ada', group: 'staff', 'request-id': request, ...o };
	const args = ['mint', '--base64'];
	for (const [k, v] of Object.entries(all)) for (const one of [].concat(v === null ? [] : v)) args.push(`--${k}`, one);
	return execFileSync(env.USHER_LAB, args, { encoding: 'utf8' }).trim();
}

// Types the address; resolves to the URL of the identity provider.
async function redirect(c, email) {
	const page = await c.get(`${LOGIN}/login`);
	const r = await c.post(`${LOGIN}/login`, { ...fields(page.body), email }, { headers: { Origin: LOGIN } });
	assert.strictEqual(r.status, 303, r.body);
	return r.location;
}

// A whole login; resolves to the answer to the Response.
async function login(email, o) {
	const c = new Client(env.USHER_PORT);
	const request = authnRequest(await redirect(c, email));
	return c.post(`${LOGIN}/saml/acs`, { SAMLResponse: mint(request.id, o) }, { headers: { Origin: 'https://login.microsoftonline.com' } });
}

async function accepted(email, o) {
	const r = await login(email, o);
	assert.strictEqual(r.status, 303, r.body);
	assert.strictEqual(r.location, `${LOGIN}/`);
}

async function refused(email, o, code) {
	const r = await login(email, o);
	assert.strictEqual(r.status, 403, r.body);
	const rows = JSON.parse(usher('log show', requestId(r.body), '--format', 'json')).rows;
	assert.deepStrictEqual(rows.map((e) => e.error), [code]);
}

async function main() {
	await test('the request: signed parameters first, then the hints, and nothing that Entra refuses', async () => {
		const url = await redirect(new Client(env.USHER_PORT), 'ada+x@usher.test');
		const query = url.slice(url.indexOf('?') + 1);
		assert.deepStrictEqual(query.split('&').map((p) => p.split('=')[0]), ['SAMLRequest', 'RelayState', 'SigAlg', 'Signature', 'login_hint', 'whr']);
		assert.ok(query.endsWith('&login_hint=ada%2Bx%40usher.test&whr=usher.test'), query);
		const parameters = new URLSearchParams(query);
		assert.strictEqual(parameters.get('SigAlg'), 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256');
		const signed = Buffer.from(query.slice(0, query.indexOf('&Signature=')));
		const signature = Buffer.from(parameters.get('Signature'), 'base64');
		const certificate = fs.readFileSync(`${env.E2E_DIR}/sp.crt`);
		assert.ok(crypto.verify('sha256', signed, certificate, signature));
		signed[signed.length - 1] ^= 1;
		assert.ok(!crypto.verify('sha256', signed, certificate, signature));
		assert.ok(!/Subject|RequestedAuthnContext|NameIDPolicy/.test(authnRequest(url).xml));
	});
	await test('without the options: unsigned, and no home realm', async () => {
		const url = await redirect(new Client(env.USHER_PORT), 'ada@old.test');
		assert.ok(!/SigAlg|Signature|whr/.test(url), url);
	});

	await test('a member of the tenant', () => accepted('ada@usher.test', { attribute: `${IDENTITY_PROVIDER}=https://sts.windows.net/${env.TENANT}/` }));
	await test('the claim of another tenant', () => refused('ada@usher.test', { tenant: env.OTHER }, 'tenant-mismatch'));
	await test('no tenant claim', () => refused('ada@usher.test', { tenant: null }, 'tenant-mismatch'));
	await test('a guest with an address of the tenant, by its name', () =>
		refused('ada@usher.test', { upn: 'ada_usher.test#EXT#@usher.onmicrosoft.com', 'object-id': 'oid-guest' }, 'guest-not-allowed'));
	await test('a guest with an address of the tenant, by who authenticated', () =>
		refused('ada@usher.test', { attribute: `${IDENTITY_PROVIDER}=live.com`, 'object-id': 'oid-guest' }, 'guest-not-allowed'));
	await test('a guest with an address of a guest domain', () =>
		accepted('bob@partner.test', { upn: 'bob_partner.test#EXT#@usher.onmicrosoft.com', 'name-id': 'bob', email: 'bob@partner.test', 'object-id': 'oid-bob' }));
	await test('the user principal name is not the mail', () =>
		refused('eve@usher.test', { email: null, upn: 'eve@usher.test', 'name-id': 'eve@usher.test', 'object-id': 'oid-eve' }, 'email-missing'));

	await test('a leaver is denied by group', () => refused('ada@usher.test', { group: ['leavers'] }, 'denied-by-rule'));
	await test('no groups at all are none', () => accepted('ada@usher.test', { group: null }));
	await test('groups that do not fit are unknown: a rule that denies by group does not miss', () =>
		refused('ada@usher.test', { group: null, attribute: `${OVERAGE}=https://graph.windows.net/x` }, 'denied-by-rule'));

	const allowed = { issuer: 'https://idp.other.test/', tenant: null, 'name-id': 'kim@allowed.test', email: null, attribute: 'id=42' };
	await test('an exception in force: SHA-1 is accepted', () => accepted('kim@allowed.test', { ...allowed, algorithm: 'rsa-sha1' }));
	const old = { issuer: `https://sts.windows.net/${env.OTHER}/`, tenant: env.OTHER, email: 'kim@old.test', 'object-id': 'oid-kim' };
	await test('an exception that has ended: SHA-1 is refused', () => refused('kim@old.test', { ...old, algorithm: 'rsa-sha1' }, 'algorithm-not-allowed'));
	await test('and SHA-256 is accepted there', () => accepted('kim@old.test', old));
	await test('without an exception SHA-1 is refused', () => refused('ada@usher.test', { algorithm: 'rsa-sha1' }, 'algorithm-not-allowed'));
	await test('exceptions in force are listed at start and by --check, ended ones are not', () => {
		const check = fs.readFileSync(`${env.E2E_DIR}/check`, 'utf8');
		const log = fs.readFileSync(`${env.E2E_DIR}/usher.log`, 'utf8');
		for (const text of [check, log]) assert.match(text, /exception sha1 of idps\.allowed ends \d{4}-\d\d-\d\dT00:00:00Z \(in \d+ days\)/);
		for (const text of [check, log]) assert.doesNotMatch(text, /exception sha1 of idps\.old/);
		assert.match(check, /Identifier \(Entity ID\) https:\/\/login\.usher\.test\/saml\/metadata \(otherwise AADSTS700016\)/);
		assert.match(check, /sp\.pem as verification certificate/);
		assert.match(check, /the exception 'sha1' has ended and is not in force/);
	});
	done();
}

main();
