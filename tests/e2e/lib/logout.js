// logout.js - the checks of logout.t.
'use strict';
const { execFileSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { Client, fields, requestId } = require('./client.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const SLO = `${LOGIN}/saml/slo`;
const IDP = `http://127.0.0.1:${env.IDP_PORT}`;
const SILENT = 'https://silent.other.test/';
const POSTER = 'https://poster.other.test/';
const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:';
const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const key = fs.readFileSync(`${env.E2E_DIR}/certs/idp.key`);

const usher = (command, ...args) => execFileSync(env.USHER, [...command.split(' '), '-c', `${env.E2E_DIR}/usher.yaml`, ...args], { encoding: 'utf8' });
const rows = (command, ...args) => JSON.parse(usher(command, ...args, '--format', 'json')).rows;
const client = () => new Client(env.USHER_PORT);
const atIdp = (c, url) => c.get(url, { port: env.IDP_PORT });
const jar = (c) => c.jar('login.usher.test');

// --- people --------------------------------------------------------------------------------------------------------------

// Signs somebody in through the identity provider of the lab.
async function signIn(c, name = 'ada') {
	const page = await c.get(`${LOGIN}/login`);
	let r = await c.post(`${LOGIN}/login`, { ...fields(page.body), email: `${name}@usher.test` });
	assert.strictEqual(r.status, 303, r.body);
	r = await atIdp(c, r.location);
	r = await c.post(`${LOGIN}/saml/acs`, fields(r.body));
	assert.strictEqual(r.location, `${LOGIN}/`, r.body);
	return c;
}

// The same at an identity provider that knows no logout, or one that knows it by form only.
async function signInSilent(c, issuer = SILENT, email = 'eve@silent.test') {
	const page = await c.get(`${LOGIN}/login`);
	const r = await c.post(`${LOGIN}/login`, { ...fields(page.body), email });
	const id = zlib.inflateRawSync(Buffer.from(new URL(r.location).searchParams.get('SAMLRequest'), 'base64')).toString().match(/ ID="([^"]*)"/)[1];
	const response = execFileSync(env.USHER_LAB, ['mint', '--base64', '--key', `${env.E2E_DIR}/certs/idp.key`, '--cert', `${env.E2E_DIR}/certs/idp.pem`, '--issuer', issuer,
		'--audience', `${LOGIN}/saml/metadata`, '--acs', `${LOGIN}/saml/acs`, '--request-id', id, '--name-id', email, '--email', email, '--object-id', `oid-${email}`], { encoding: 'utf8' }).trim();
	assert.strictEqual((await c.post(`${LOGIN}/saml/acs`, { SAMLResponse: response })).location, `${LOGIN}/`);
	return c;
}

async function enter(c, host) {
	const r = await c.get(`https://${host}/.usher/start?rd=%2F`);
	await c.get((await c.get(r.location)).location);
	assert.strictEqual(await auth(c, host), 200);
}

const auth = async (c, host) => (await c.get('http://auth.internal/auth', { port: env.AUTH_PORT,
	headers: { 'X-Forwarded-Host': host, 'X-Forwarded-Uri': '/', Cookie: [...c.jar(host)].map(([k, v]) => `${k}=${v}`).join('; ') || 'a=b' } })).status;
const isIn = async (c) => (await c.get(`${LOGIN}/`)).status === 200;

async function button(c) {
	const page = await c.get(`${LOGIN}/logout`);
	return c.post(`${LOGIN}/logout`, fields(page.body));
}

// --- messages ------------------------------------------------------------------------------------------------------------

const xmlOf = (location) => {
	const q = new URL(location).searchParams;
	return zlib.inflateRawSync(Buffer.from(q.get('SAMLRequest') || q.get('SAMLResponse'), 'base64')).toString();
};
const attribute = (xml, name) => (xml.match(new RegExp(` ${name}="([^"]*)"`)) || [])[1];

let counter = 0;
// A LogoutRequest or, with inResponseTo, a LogoutResponse as XML.
function message({ issuer = `${IDP}/metadata`, id = `_m${++counter}`, at = new Date(), destination = SLO, name = 'ada@usher.test', format = EMAIL, index = [], more = '',
	inResponseTo, status = ['Success'] } = {}) {
	const head = ` xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${id}" Version="2.0" IssueInstant="${at.toISOString()}"${destination ? ` Destination="${destination}"` : ''}`;
	const from = `<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">${issuer}</Issuer>`;
	if (inResponseTo)
		return `<samlp:LogoutResponse${head} InResponseTo="${inResponseTo}">${from}<samlp:Status>` +
			`${status.map((s) => `<samlp:StatusCode Value="${STATUS}${s}">`).join('')}${status.map(() => '</samlp:StatusCode>').join('')}</samlp:Status></samlp:LogoutResponse>`;
	return `<samlp:LogoutRequest${head}${more}>${from}<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion"${format ? ` Format="${format}"` : ''}>${name}</NameID>` +
		`${[].concat(index).map((i) => `<samlp:SessionIndex>${i}</samlp:SessionIndex>`).join('')}</samlp:LogoutRequest>`;
}

// The URL of the redirect binding; `sign` is a key or false.
function redirect(xml, { sign = key, relay, alg = RSA_SHA256, digest = 'RSA-SHA256' } = {}) {
	let query = `${xml.includes('LogoutResponse') ? 'SAMLResponse' : 'SAMLRequest'}=${encodeURIComponent(zlib.deflateRawSync(xml).toString('base64'))}`;
	if (relay !== undefined) query += `&RelayState=${encodeURIComponent(relay)}`;
	if (sign) {
		query += `&SigAlg=${encodeURIComponent(alg)}`;
		query += `&Signature=${encodeURIComponent(crypto.sign(digest, Buffer.from(query), sign).toString('base64'))}`;
	}
	return `${SLO}?${query}`;
}
const post = (c, xml, more) => c.post(SLO, { SAMLRequest: Buffer.from(xml).toString('base64'), ...more }, { headers: { Origin: IDP } });
// As from another site: a Lax cookie does not come along.
async function postFromElsewhere(c, form) {
	const cookie = [...jar(c)].filter(([k]) => k !== '__Host-usher').map(([k, v]) => `${k}=${v}`).join('; ');
	return c.post(SLO, form, { headers: { Origin: IDP, ...(cookie ? { Cookie: cookie } : {}) } });
}

// The answer that goes to the identity provider with this redirect: "Success", "Requester/UnknownPrincipal".
function answered(r, inResponseTo) {
	assert.strictEqual(r.status, 303, r.body);
	assert.ok(r.location.startsWith(`${IDP}/slo?SAMLResponse=`), r.location);
	const xml = xmlOf(r.location);
	if (inResponseTo) assert.strictEqual(attribute(xml, 'InResponseTo'), inResponseTo);
	assert.strictEqual(attribute(xml, 'Destination'), `${IDP}/slo`);
	assert.match(xml, new RegExp(`<saml:Issuer[^>]*>${LOGIN}/saml/metadata</saml:Issuer>`));
	return [...xml.matchAll(/StatusCode Value="urn:oasis:names:tc:SAML:2\.0:status:([^"]*)"/g)].map((m) => m[1]).join('/');
}

function refused(r, status, code) {
	assert.strictEqual(r.status, status, r.body);
	const found = rows('log show', requestId(r.body));
	assert.deepStrictEqual(found.map((e) => e.error), [code]);
	return found[0];
}

const text = (r) => (r.body.match(/id="signed-out">([^<]*)</) || [])[1];

async function main() {
	await buttonChecks();
	await signedRequests();
	await unsignedRequests();
	await refusals();
	done();
}

async function buttonChecks() {
	await test('the button: ended here first, then at the identity provider, which confirms', async () => {
		const c = await signIn(client());
		await enter(c, 'wiki.usher.test');
		const session = jar(c).get('__Host-usher');
		const r = await button(c);
		assert.strictEqual(r.status, 303, r.body);
		assert.ok(r.location.startsWith(`${IDP}/slo?SAMLRequest=`), r.location);
		// over here already, whatever comes of it there
		assert.strictEqual(await auth(c, 'wiki.usher.test'), 401);
		assert.ok(!jar(c).has('__Host-usher'));
		jar(c).set('__Host-usher', session);
		assert.ok(!await isIn(c));
		jar(c).delete('__Host-usher');
		const xml = xmlOf(r.location);
		assert.match(xml, new RegExp(`<saml:NameID[^>]* Format="${EMAIL}">ada@usher\\.test</saml:NameID><samlp:SessionIndex>_[0-9a-f]{32}</samlp:SessionIndex>`));
		assert.strictEqual(attribute(xml, 'Destination'), `${IDP}/slo`);
		const set = (r.headers['set-cookie'] || []).find((h) => h.startsWith('__Host-usher-o='));
		assert.match(set, /; HttpOnly; SameSite=None; Secure; Max-Age=600$/);
		const back = (await atIdp(c, r.location)).location;
		assert.ok(back.startsWith(`${SLO}?SAMLResponse=`), back);
		assert.match(back, /&SigAlg=.*&Signature=/);
		const page = await c.get(back);
		assert.strictEqual(page.status, 200);
		assert.match(page.body, /<h1>You are signed out</);
		assert.match(text(page), /has signed you out as well/);
		assert.ok(!jar(c).has('__Host-usher-o'));
		refused(await c.get(back), 403, 'no-matching-cookie');
	});
	// What the identity provider may answer, and what the person is then told.
	const answers = async (o, how) => {
		const c = await signIn(client());
		const id = attribute(xmlOf((await button(c)).location), 'ID');
		return [c, await c.get(redirect(message({ inResponseTo: id, ...o }), how))];
	};
	await test('it answers unsigned, as Entra does', async () => assert.match(text((await answers({}, { sign: false }))[1]), /has signed you out as well/));
	await test('it answers that others were not reached', async () => {
		const [, r] = await answers({ status: ['Success', 'PartialLogout'] });
		assert.strictEqual(r.status, 200);
		assert.match(text(r), /could not sign you out of every other/);
	});
	const wrong = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
	for (const [what, o, how, code] of [
		['it refuses', { status: ['Requester', 'RequestDenied'] }, {}, 'status-not-success'],
		['its answer is to another request', { inResponseTo: 'id0' }, {}, 'in-response-to-mismatch'],
		['its answer is signed by somebody else', {}, { sign: wrong }, 'signature-invalid'],
		['its answer is old', { at: new Date(Date.now() - 400000) }, {}, 'assertion-expired'],
		['its answer is for another place', { destination: `${LOGIN}/saml/acs` }, {}, 'destination-mismatch'],
		['another identity provider answers', { issuer: SILENT }, {}, 'in-response-to-mismatch'],
		['nobody known answers', { issuer: 'https://nobody.test/' }, {}, 'issuer-mismatch'],
	]) await test(`${what}: signed out here, and not confirmed`, async () => {
		const [c, r] = await answers(o, how);
		const event = refused(r, 403, code);
		assert.strictEqual(event.event, 'logout.unconfirmed');
		assert.match(r.body, /<h1>You are signed out</);
		assert.match(text(r), /did not confirm/);
		assert.ok(!jar(c).has('__Host-usher-o'));
	});
	await test('an identity provider without single logout: a page', async () => {
		const c = await signInSilent(client());
		const r = await button(c);
		assert.strictEqual(r.status, 200);
		assert.match(text(r), /may still be signed in there/);
		assert.ok(!await isIn(c));
	});
	await test('an identity provider that takes forms only: a page with a button, here and back', async () => {
		const c = await signInSilent(client(), POSTER, 'pat@poster.test');
		let r = await button(c);
		assert.strictEqual(r.status, 200);
		assert.ok(!await isIn(c));
		assert.match(r.body, /<h1>You are signed out</);
		assert.match(r.body, /<form method="post" action="https:\/\/poster\.other\.test\/slo">/);
		const xml = Buffer.from(fields(r.body).SAMLRequest, 'base64').toString();
		assert.strictEqual(attribute(xml, 'Destination'), `${POSTER}slo`);
		assert.match(xml, />pat@poster\.test<\/saml:NameID>/);
		// the answer comes as a form as well, from another site
		const answer = Buffer.from(message({ issuer: POSTER, inResponseTo: attribute(xml, 'ID') })).toString('base64');
		r = await c.post(SLO, { SAMLResponse: answer }, { headers: { Origin: 'https://poster.other.test' } });
		assert.match(text(r), /has signed you out as well/);
		// and what it asks for is answered so, where it wants its answers
		await signInSilent(c, POSTER, 'pat@poster.test');
		r = await client().get(redirect(message({ issuer: POSTER, name: 'pat@poster.test', id: '_posted' }), { relay: '"><x' }));
		assert.strictEqual(r.status, 200);
		assert.match(r.body, /action="https:\/\/poster\.other\.test\/answers">/);
		const { SAMLResponse, RelayState } = fields(r.body);
		assert.strictEqual(RelayState, '"><x');
		assert.ok(!r.body.includes('"><x'));
		assert.match(Buffer.from(SAMLResponse, 'base64').toString(), /InResponseTo="_posted".*status:Success"/);
		assert.ok(!await isIn(c));
	});
	await test('a session by password: a page', async () => {
		const c = await signInByPassword(client());
		assert.strictEqual((await button(c)).status, 200);
		assert.ok(!await isIn(c));
	});
	await test('a form from elsewhere signs nobody out', async () => {
		const c = await signIn(client());
		refused(await c.post(`${LOGIN}/logout`, { csrf: 'x' }), 403, 'csrf');
		assert.ok(await isIn(c));
	});
}

async function signInByPassword(c) {
	const page = await c.get(`${LOGIN}/login`);
	const r = await c.post(`${LOGIN}/login/password`, { csrf: fields(page.body).csrf, to: '', email: 'on@local.test', password: 'correct horse battery staple' });
	assert.strictEqual(r.status, 303, r.body);
	return c;
}

async function signedRequests() {
	for (const binding of ['redirect', 'post'])
		await test(`signed, by ${binding}: every session of the person ends, from a browser that knows nothing of them`, async () => {
			const [c, other, bob] = [await signIn(client()), await signIn(client()), await signIn(client(), 'bob')];
			await enter(c, 'wiki.usher.test');
			await enter(c, 'crm.usher.test');
			const stranger = client();
			let r = await atIdp(stranger, `${IDP}/logout?person=ada@usher.test&binding=${binding}`);
			r = binding === 'redirect' ? await stranger.get(r.location) : await stranger.post(SLO, fields(r.body), { headers: { Origin: IDP } });
			assert.strictEqual(answered(r), 'Success');
			assert.strictEqual(new URL(r.location).searchParams.get('RelayState'), 'from-the-lab');
			for (const host of ['wiki.usher.test', 'crm.usher.test']) assert.strictEqual(await auth(c, host), 401);
			assert.ok(!await isIn(c) && !await isIn(other));
			assert.ok(await isIn(bob));
			const shown = await atIdp(stranger, r.location);
			assert.match(shown.body, /id="status">urn:oasis:names:tc:SAML:2\.0:status:Success</);
			assert.match(shown.body, /id="relay-state">from-the-lab</);
			const ended = rows('log show').filter((e) => e.event === 'session.ended').pop();
			assert.strictEqual(ended.idp, 'lab');
			await button(bob);
		});
	await test('signed, with SessionIndex: that session', async () => {
		const [c, other] = [await signIn(client()), await signIn(client())];
		const probe = await signIn(client());
		const index = xmlOf((await button(probe)).location).match(/SessionIndex>([^<]*)</)[1];
		assert.strictEqual(answered(await client().get(redirect(message({ index })))), 'Requester/UnknownPrincipal');
		assert.ok(await isIn(c) && await isIn(other));
		const mine = execFileSync('sqlite3', [`${env.E2E_DIR}/usher.db`, 'SELECT session_index FROM sessions WHERE revoked_at IS NULL ORDER BY id LIMIT 1'], { encoding: 'utf8' }).trim();
		assert.strictEqual(answered(await client().get(redirect(message({ index: ['_other', mine] })))), 'Success');
		assert.ok(!await isIn(c) && await isIn(other));
		await button(other);
	});
	await test('signed, the browser of the session: its cookies go as well', async () => {
		const c = await signIn(client());
		assert.strictEqual(answered(await c.get(redirect(message()))), 'Success');
		assert.ok(!jar(c).has('__Host-usher') && !jar(c).has('__Host-usher-s'));
	});
	await test('signed, nobody of this name here: said so', async () => {
		const c = await signIn(client());
		for (const o of [{ name: 'nobody@usher.test' }, { format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' }])
			assert.strictEqual(answered(await c.get(redirect(message({ id: '_asked' + ++counter, ...o })))), 'Requester/UnknownPrincipal');
		// at another identity provider it is another person
		const r = await c.get(redirect(message({ issuer: SILENT })));
		assert.strictEqual(r.status, 200);
		assert.match(r.body, /You were not signed out here/);
		assert.ok(await isIn(c));
		await button(c);
	});
	await test('signed, once more: refused, and what was opened since stays', async () => {
		const url = redirect(message({ id: '_once' }));
		await signIn(client());
		assert.strictEqual(answered(await client().get(url), '_once'), 'Success');
		const c = await signIn(client());
		refused(await client().get(url), 403, 'assertion-replayed');
		refused(await client().get(redirect(message({ id: '_once' }))), 403, 'assertion-replayed');
		assert.ok(await isIn(c));
		await button(c);
	});
	await test('signed, at an identity provider that takes no answer: a page', async () => {
		const c = await signInSilent(client());
		const r = await client().get(redirect(message({ issuer: SILENT, name: 'eve@silent.test' })));
		assert.strictEqual(r.status, 200);
		assert.match(r.body, /<h1>You are signed out</);
		assert.ok(!await isIn(c));
	});
	await test('RelayState is echoed if it is one', async () => {
		const state = async (relay) => new URL((await client().get(redirect(message(), { relay }))).location).searchParams.get('RelayState');
		assert.strictEqual(await state('a&b=c <ü>'), 'a&b=c <ü>');
		assert.strictEqual(await state('x'.repeat(80)), 'x'.repeat(80));
		assert.strictEqual(await state('x'.repeat(81)), null);
	});
}

async function unsignedRequests() {
	const unsigned = { sign: false };
	await test('unsigned, in the browser of the session: that one ends, and others are said to be left', async () => {
		const [c, other] = [await signIn(client()), await signIn(client())];
		await enter(c, 'wiki.usher.test');
		assert.strictEqual(answered(await c.get(redirect(message(), unsigned))), 'Success/PartialLogout');
		assert.strictEqual(await auth(c, 'wiki.usher.test'), 401);
		assert.ok(!await isIn(c) && await isIn(other));
		assert.strictEqual(answered(await other.get(redirect(message(), unsigned))), 'Success');
		assert.ok(!await isIn(other));
	});
	await test('unsigned, the lab\'s own', async () => {
		const c = await signIn(client());
		const r = await atIdp(c, `${IDP}/logout?person=ada@usher.test&unsigned=1`);
		assert.ok(!r.location.includes('Signature='));
		assert.strictEqual(answered(await c.get(r.location)), 'Success');
		assert.ok(!await isIn(c));
	});
	await test('unsigned, anything else: nothing ends, and that is the answer', async () => {
		const [c, bob, eve, on] = [await signIn(client()), await signIn(client(), 'bob'), await signInSilent(client()), await signInByPassword(client())];
		const denied = 'Requester/RequestDenied';
		const events = rows('log show').length;
		assert.strictEqual(answered(await client().get(redirect(message(), unsigned))), denied); // no session in this browser
		assert.strictEqual(answered(await bob.get(redirect(message(), unsigned))), denied); // somebody else's
		assert.strictEqual(answered(await eve.get(redirect(message({ name: 'eve@silent.test' }), unsigned))), denied); // of another provider
		assert.strictEqual(answered(await on.get(redirect(message({ name: 'on@local.test' }), unsigned))), denied); // by password
		assert.strictEqual(answered(await c.get(redirect(message({ index: '_other' }), unsigned))), denied); // another session of hers
		assert.strictEqual(answered(await c.get(redirect(message({ format: 'urn:x' }), unsigned))), denied);
		const forged = client();
		jar(forged).set('__Host-usher', `${jar(c).get('__Host-usher').slice(0, -2)}AA`);
		assert.strictEqual(answered(await forged.get(redirect(message(), unsigned))), denied);
		for (const one of [c, bob, eve, on]) assert.ok(await isIn(one));
		assert.strictEqual(rows('log show').length, events, 'strangers write nothing');
		for (const one of [c, bob, eve, on]) await button(one);
	});
	await test('unsigned, by form from the provider\'s site: the session cookie does not come along, so nothing ends', async () => {
		const c = await signIn(client());
		const form = fields((await atIdp(c, `${IDP}/logout?person=ada@usher.test&binding=post&unsigned=1`)).body);
		assert.strictEqual(answered(await postFromElsewhere(c, form)), 'Requester/RequestDenied');
		assert.ok(await isIn(c));
		assert.strictEqual(answered(await c.post(SLO, form)), 'Success'); // from where it does
		assert.ok(!await isIn(c));
	});
}

async function refusals() {
	const c = await signIn(client());
	const tampered = (url) => url.replace(/RelayState=a/, 'RelayState=b');
	const good = () => redirect(message(), { relay: 'a' });
	for (const [what, url, status, code] of [
		['changed after signing', () => tampered(good()), 403, 'signature-invalid'],
		['SHA-1', () => redirect(message(), { alg: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', digest: 'RSA-SHA1' }), 403, 'algorithm-not-allowed'],
		['the order of the parameters', () => `${SLO}?${good().split('?')[1].split('&').reverse().join('&')}`, 400, 'bad-form'],
		['a parameter twice', () => `${good()}&RelayState=c`, 400, 'bad-form'],
		['no message', () => SLO, 400, 'bad-form'],
		['not base64', () => `${SLO}?SAMLRequest=%21`, 400, 'bad-encoding'],
		['a bomb', () => redirect(message({ more: ' '.repeat(1 << 20) })), 413, 'limit-exceeded'],
		['not a logout message', () => redirect('<x/>'), 403, 'logout-invalid'],
		['an old one', () => redirect(message({ at: new Date(Date.now() - 400000) })), 403, 'assertion-expired'],
		['one of tomorrow', () => redirect(message({ at: new Date(Date.now() + 86400000) })), 403, 'not-yet-valid'],
		['past its NotOnOrAfter', () => redirect(message({ more: ' NotOnOrAfter="2020-01-01T00:00:00Z"' })), 403, 'assertion-expired'],
		['for another place', () => redirect(message({ destination: 'https://other.test/saml/slo' })), 403, 'destination-mismatch'],
		['signed and for no place', () => redirect(message({ destination: null })), 403, 'destination-mismatch'],
		['of nobody known', () => redirect(message({ issuer: 'https://nobody.test/' })), 403, 'issuer-mismatch'],
		['a response nobody waits for', () => redirect(message({ inResponseTo: 'id1' })), 403, 'no-matching-cookie'],
	]) await test(`by redirect: ${what}: ${code}`, async () => {
		refused(await c.get(url()), status, code);
		assert.ok(await isIn(c));
	});

	const signed = async () => Buffer.from(fields((await atIdp(c, `${IDP}/logout?person=ada@usher.test&binding=post`)).body).SAMLRequest, 'base64').toString();
	for (const [what, form, status, code] of [
		['changed after signing', async () => ({ SAMLRequest: Buffer.from((await signed()).replace('>ada@', '>bob@')).toString('base64') }), 403, 'signature-invalid'],
		['as a response', async () => ({ SAMLResponse: Buffer.from(await signed()).toString('base64') }), 403, 'logout-invalid'],
		['both', async () => ({ SAMLRequest: 'AA==', SAMLResponse: 'AA==' }), 400, 'bad-form'],
		['none', async () => ({ a: 'b' }), 400, 'bad-form'],
		['not base64', async () => ({ SAMLRequest: '!' }), 400, 'bad-encoding'],
		['too large', async () => ({ SAMLRequest: Buffer.from(message({ more: ' '.repeat(70000) })).toString('base64') }), 413, 'xml-too-large'],
		['a DOCTYPE', async () => ({ SAMLRequest: Buffer.from(`<!DOCTYPE x>${message()}`).toString('base64') }), 403, 'logout-invalid'],
		['of nobody known', async () => ({ SAMLRequest: Buffer.from(message({ issuer: 'https://nobody.test/' })).toString('base64') }), 403, 'issuer-mismatch'],
	]) await test(`by form: ${what}: ${code}`, async () => {
		refused(await c.post(SLO, await form()), status, code);
		assert.ok(await isIn(c));
	});
	await test('by form: not one: http-body', async () => refused(await c.post(SLO, '{}', { headers: { 'Content-Type': 'application/json' } }), 415, 'http-body'));
	await test('the metadata names the place', async () => {
		const xml = usher('metadata');
		for (const binding of ['HTTP-Redirect', 'HTTP-POST'])
			assert.ok(xml.includes(`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:${binding}" Location="${SLO}"/>`), xml);
	});
	await test('nothing secret is in the log', async () => {
		const log = fs.readFileSync(`${env.E2E_DIR}/usher.log`, 'utf8');
		assert.ok(!/SAMLRe\w+=[A-Za-z0-9%]|Signature=[A-Za-z0-9%]|__Host-usher[^ ]*=/.test(log));
	});
}

main();
