// login.js - the checks of login.t.
'use strict';
const { execFileSync } = require('child_process');
const { Client, fields, requestId, authnRequest } = require('./client.js');
const { checkPending, checkSession } = require('./set-cookie.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const PASSWORD = 'correct horse battery staple';
const config = `${env.E2E_DIR}/usher.yaml`;

const usher = (command, ...args) => execFileSync(env.USHER, [...command.split(' '), '-c', config, ...args], { encoding: 'utf8' });
const client = () => new Client(env.USHER_PORT);

// A minted Response as the form value; `o` are options of `usher-lab mint`.
function mint(requestId_, o = {}) {
	const all = { key: `${env.E2E_DIR}/certs/idp.key`, cert: `${env.E2E_DIR}/certs/idp.pem`, issuer: 'https://idp.other.test/', audience: `${LOGIN}/saml/metadata`,
		acs: `${LOGIN}/saml/acs`, 'name-id': 'ada@usher.test', email: 'ada@usher.test', 'object-id': 'oid-ada', 'display-name': 'Ada Lovelace', group: ['staff', 'unsent'], ...o };
	const args = ['mint', '--base64'];
	if (requestId_) args.push('--request-id', requestId_);
	for (const [k, v] of Object.entries(all)) for (const one of [].concat(v === null ? [] : v)) args.push(`--${k}`, ...(one === true ? [] : [one]));
	return execFileSync(env.USHER_LAB, args, { encoding: 'utf8' }).trim();
}

// The page has a number, and under it exactly one event with this code.
function refused(r, status, code) {
	assert.strictEqual(r.status, status, r.body);
	const id = requestId(r.body);
	assert.ok(id, `no request id on the page: ${r.body}`);
	const rows = JSON.parse(usher('log show', id, '--format', 'json')).rows;
	assert.strictEqual(rows.length, 1);
	assert.strictEqual(rows[0].error, code);
	const all = JSON.parse(usher('log show', '--format', 'json')).rows;
	assert.strictEqual(all.filter((e) => e.request === id).length, 1);
	return rows[0];
}

// Types an address; resolves to the answer of the first page.
async function type(c, email, url = `${LOGIN}/login`) {
	const page = await c.get(url);
	assert.strictEqual(page.status, 200, page.body);
	return c.post(`${LOGIN}/login`, { ...fields(page.body), email }, { headers: { Origin: LOGIN } });
}

async function password(c, email, word, url) {
	const page = await type(c, email, url);
	assert.strictEqual(page.status, 200, page.body);
	const form = page.body.slice(page.body.indexOf('action="/login/password"') - 40);
	return c.post(`${LOGIN}/login/password`, { ...fields(form), email, password: word }, { headers: { Origin: LOGIN } });
}

// Starts SSO and returns the request.
async function start(c, email, url) {
	const r = await type(c, email, url);
	assert.strictEqual(r.status, 303, r.body);
	return authnRequest(r.location);
}

const acs = (c, response) => c.post(`${LOGIN}/saml/acs`, { SAMLResponse: response, RelayState: 'x' }, { headers: { Origin: 'https://idp.other.test' } });
const auth = (c, host, headers = {}) => {
	const jar = c.jar(host);
	return c.get('http://auth.internal/auth', { port: env.AUTH_PORT, headers: { 'X-Forwarded-Host': host, 'X-Forwarded-Uri': '/page?x=1', ...(jar.size ? { Cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } : {}), ...headers } });
};

// From a signed-in login host to an application.
async function enter(c, host, path = '/page?x=1') {
	let r = await c.get(`https://${host}/.usher/start?rd=${encodeURIComponent(path)}`);
	assert.strictEqual(r.status, 303, r.body);
	r = await c.get(r.location);
	return r;
}

async function main() {
	await test('healthz', async () => {
		assert.strictEqual((await client().get(`${LOGIN}/healthz`)).status, 200);
		assert.strictEqual((await client().get('http://anything/healthz', { port: env.AUTH_PORT })).status, 200);
	});

	await test('the whole SSO way: application, address, identity provider, back, headers', async () => {
		const c = client();
		let r = await auth(c, 'wiki.usher.test');
		assert.strictEqual(r.status, 401);
		assert.strictEqual(r.headers['content-length'], '0');
		assert.strictEqual(r.location, 'https://wiki.usher.test/.usher/start?rd=%2Fpage%3Fx%3D1');
		r = await c.get(r.location);
		assert.strictEqual(r.status, 303);
		assert.ok(r.location.startsWith(`${LOGIN}/login?to=`));
		const request = await start(c, 'ada@usher.test', r.location);
		assert.match(request.id, /^id[0-9a-f]{32}$/);
		assert.strictEqual(request.loginHint, 'ada@usher.test');
		assert.ok(!/Subject|RequestedAuthnContext|NameIDPolicy/.test(request.xml));
		assert.ok(request.relayState.length < 80);
		r = await acs(c, mint(request.id));
		assert.strictEqual(r.status, 303, r.body);
		assert.ok(r.location.startsWith('https://wiki.usher.test/.usher/land?t='), r.location);
		checkSession(r.headers);
		const landing = r.location;
		r = await c.get(landing);
		assert.strictEqual(r.status, 303, r.body);
		assert.strictEqual(r.location, '/page?x=1');
		r = await auth(c, 'wiki.usher.test');
		assert.strictEqual(r.status, 200);
		assert.strictEqual(r.headers['remote-user'], 'ada@usher.test');
		assert.strictEqual(r.headers['remote-email'], 'ada@usher.test');
		assert.strictEqual(r.headers['remote-name'], 'Ada Lovelace');
		assert.strictEqual(r.headers['remote-groups'], 'staff');
		assert.strictEqual(r.body, '');
		// a session of one application is worth nothing at another
		const thief = client();
		for (const [k, v] of c.jar('wiki.usher.test')) thief.jar('crm.usher.test').set(k, v);
		assert.strictEqual((await auth(thief, 'crm.usher.test')).status, 401);
		// the landing link is spent, and elsewhere it never worked
		refused(await client().get(landing), 403, 'landing-refused');
		// Back: spent, but this browser is signed in here
		assert.strictEqual((await c.get(landing)).status, 303);
		// a second application without signing in again
		r = await enter(c, 'crm.usher.test', '/');
		assert.ok(r.location.startsWith('https://crm.usher.test/.usher/land?t='));
		assert.strictEqual((await c.get(r.location)).status, 303);
		assert.strictEqual((await auth(c, 'crm.usher.test')).status, 200);
		// signing out ends all
		const page = await c.get(`${LOGIN}/logout`);
		r = await c.post(`${LOGIN}/logout`, fields(page.body));
		assert.strictEqual(r.status, 200);
		assert.strictEqual((await auth(c, 'crm.usher.test')).status, 401);
		assert.strictEqual((await auth(c, 'wiki.usher.test')).status, 401);
	});

	await test('the pending cookie is for a cross-site POST', async () => {
		const c = client();
		const page = await c.get(`${LOGIN}/login`);
		checkPending((await c.post(`${LOGIN}/login`, { ...fields(page.body), email: 'ada@usher.test' })).headers);
	});

	await test('two tabs that start at the same moment do not take each other\'s cookies away', async () => {
		const c = client();
		// both are answered as to a browser without cookies
		const starts = await Promise.all(['/one', '/two'].map((at) => c.get(`https://wiki.usher.test/.usher/start?rd=${at}`)));
		const pages = await Promise.all(starts.map((r) => c.get(r.location)));
		for (const [i, at] of ['/one', '/two'].entries()) {
			let r = await c.post(`${LOGIN}/login`, { ...fields(pages[i].body), email: 'ada@usher.test' });
			assert.strictEqual(r.status, 303, r.body);
			r = await acs(c, mint(authnRequest(r.location).id));
			c.jar('wiki.usher.test').delete('__Host-usher'); // so that no session helps
			assert.strictEqual((await c.get(r.location)).location, at);
		}
		// one after the other they share
		const calm = client();
		for (const at of ['/one', '/two']) await calm.get((await calm.get(`https://wiki.usher.test/.usher/start?rd=${at}`)).location);
		assert.deepStrictEqual([calm.jar('wiki.usher.test').size, calm.jar('login.usher.test').size], [1, 1]);
	});

	await test('many tabs that start at the same moment leave few cookies at the application', async () => {
		const c = client();
		const starts = await Promise.all([...'abcdefgh'].map((at) => c.get(`https://wiki.usher.test/.usher/start?rd=/${at}`)));
		assert.strictEqual(c.jar('wiki.usher.test').size, starts.length);
		const r = await acs(c, mint((await start(c, 'ada@usher.test', starts[5].location)).id));
		assert.strictEqual((await c.get(r.location)).location, '/f');
		assert.strictEqual(c.jar('wiki.usher.test').size, 2);
		assert.strictEqual((await auth(c, 'wiki.usher.test')).status, 200);
	});

	await test('at most four pending logins', async () => {
		const c = client();
		for (let i = 0; i < 6; i++) await start(c, 'ada@usher.test');
		assert.strictEqual([...c.jar('login.usher.test').keys()].filter((k) => k.startsWith('__Host-usher-p-')).length, 4);
	});

	await test('the password door: outside account, in the same box', async () => {
		const c = client();
		const r = await password(c, 'room-4@usher.test', PASSWORD);
		assert.strictEqual(r.status, 303, r.body);
		assert.strictEqual(r.location, `${LOGIN}/`);
		const home = await c.get(r.location);
		assert.match(home.body, /room-4@usher\.test/);
		const e = await enter(c, 'crm.usher.test', '/');
		await c.get(e.location);
		assert.strictEqual((await auth(c, 'crm.usher.test')).headers['remote-user'], 'room-4@usher.test');
		refused(await enter(c, 'vault.usher.test', '/'), 403, 'app-not-allowed');
		// the refusal that follows a login directly has its own event under the number shown
		const direct = client();
		const there = await direct.get('https://vault.usher.test/.usher/start?rd=%2F');
		refused(await password(direct, 'room-4@usher.test', PASSWORD, there.location), 403, 'app-not-allowed');
		assert.ok(direct.jar('login.usher.test').has('__Host-usher'));
		refused(await enter(c, 'wiki.usher.test', '/'), 403, 'app-not-allowed');
	});

	await test('a fallback account has both doors', async () => {
		const page = await type(client(), 'admin@usher.test');
		assert.match(page.body, /action="\/login\/sso"/);
		assert.match(page.body, /action="\/login\/password"/);
		assert.strictEqual((await password(client(), 'admin@usher.test', PASSWORD)).status, 303);
	});

	await test('a login whose Response comes without the session cookie, as from another site, replaces the session too', async () => {
		const c = client();
		await password(c, 'on@local.test', PASSWORD);
		const jar = c.jar('login.usher.test');
		const old = jar.get('__Host-usher');
		jar.delete('__Host-usher');
		const before = JSON.parse(usher('session list', '--format', 'json')).rows.length;
		assert.strictEqual((await acs(c, mint((await start(c, 'ada@usher.test')).id))).status, 303);
		assert.strictEqual(JSON.parse(usher('session list', '--format', 'json')).rows.length, before);
		const stale = client();
		stale.jar('login.usher.test').set('__Host-usher', old);
		assert.strictEqual((await stale.get(`${LOGIN}/`)).location, `${LOGIN}/login`);
		// a number that usher did not seal ends nobody's
		jar.delete('__Host-usher');
		jar.set('__Host-usher-s', '1');
		assert.strictEqual((await acs(c, mint((await start(c, 'ada@usher.test')).id))).status, 303);
		assert.strictEqual(JSON.parse(usher('session list', '--format', 'json')).rows.length, before + 1);
	});

	await test('a new session replaces the old one', async () => {
		const c = client();
		await password(c, 'on@local.test', PASSWORD);
		const old = c.jar('login.usher.test').get('__Host-usher');
		const page = await c.get(`${LOGIN}/logout`);
		const csrf = fields(page.body).csrf;
		let r = await c.post(`${LOGIN}/login/password`, { csrf, to: '', email: 'on@local.test', password: PASSWORD });
		assert.strictEqual(r.status, 303);
		assert.notStrictEqual(c.jar('login.usher.test').get('__Host-usher'), old);
		const stale = client();
		stale.jar('login.usher.test').set('__Host-usher', old);
		r = await stale.get(`${LOGIN}/`);
		assert.strictEqual(r.location, `${LOGIN}/login`);
	});

	// --- refusals: page, status, one event -----------------------------------------------------------------------------
	await test('wrong-password', async () => {
		const c = client();
		const wrong = await password(c, 'on@local.test', 'not this one at all');
		refused(wrong, 401, 'wrong-password');
		assert.ok(!c.jar('login.usher.test').has('__Host-usher'));
	});
	await test('account-disabled looks the same', async () => refused(await password(client(), 'off@local.test', PASSWORD), 401, 'account-disabled'));
	await test('account-unknown looks the same', async () => {
		const mask = (b) => b.replace(/value="[^"]*"|to=[^"]*|<code[^>]*>[^<]*|[a-z]+@local\.test/g, '');
		const unknown = await password(client(), 'nobody@local.test', PASSWORD);
		refused(unknown, 401, 'account-unknown');
		const wrong = await password(client(), 'on@local.test', 'not this one at all');
		assert.strictEqual(mask(unknown.body), mask(wrong.body));
	});
	await test('denied-by-default: an unknown domain', async () => refused(await type(client(), 'who@nowhere.test'), 403, 'denied-by-default'));
	await test('bad-email', async () => refused(await type(client(), 'a@b@c'), 400, 'bad-email'));
	await test('wrong-door: a password in an SSO-required domain', async () => {
		const c = client();
		const page = await c.get(`${LOGIN}/login`);
		refused(await c.post(`${LOGIN}/login/password`, { ...fields(page.body), email: 'alice@usher.test', password: PASSWORD }), 403, 'wrong-door');
	});
	await test('csrf: no form token, a foreign one, another origin', async () => {
		const c = client();
		const page = await c.get(`${LOGIN}/login`);
		refused(await client().post(`${LOGIN}/login`, { email: 'ada@usher.test' }), 403, 'no-cookie');
		const other = client();
		await other.get(`${LOGIN}/login`);
		refused(await other.post(`${LOGIN}/login`, { ...fields(page.body), email: 'ada@usher.test' }), 403, 'csrf');
		refused(await c.post(`${LOGIN}/login`, { ...fields(page.body), email: 'ada@usher.test' }, { headers: { Origin: 'https://evil.test' } }), 403, 'csrf');
	});

	// What a Response is refused for, from a browser that started the login.
	const sso = async (o, typed = 'ada@usher.test') => {
		const c = client();
		const request = await start(c, typed);
		return acs(c, mint(request.id, o));
	};
	for (const [trick, code] of [['tampered', 'signature-invalid'], ['expired', 'assertion-expired'], ['wrong-audience', 'audience-mismatch'],
		['foreign-key', 'signature-invalid'], ['unsigned', 'signature-missing'], ['not-yet-valid', 'not-yet-valid'], ['wrong-recipient', 'recipient-mismatch'],
		['wrong-destination', 'destination-mismatch'], ['wrong-issuer', 'issuer-mismatch'], ['no-email', 'email-missing'], ['sha1', 'algorithm-not-allowed']])
		await test(`${trick}: ${code}`, async () => refused(await sso({ trick }), 403, code));
	await test('email-domain-not-owned: an address outside the identity provider\'s domains', async () =>
		refused(await sso({ email: 'mallory@nowhere.test', 'object-id': 'oid-m' }), 403, 'email-domain-not-owned'));
	await test('outside-account-asserted', async () => refused(await sso({ email: 'room-4@usher.test', 'object-id': 'oid-room' }), 403, 'outside-account-asserted'));
	await test('denied-by-rule: typed a colleague, asserted a leaver', async () => {
		const row = refused(await sso({ email: 'bob@usher.test', 'object-id': 'oid-bob', group: ['leavers'] }, 'ada@usher.test'), 403, 'denied-by-rule');
		assert.strictEqual(row.account, 'bob@usher.test');
	});
	await test('denied-by-rule: groups in one Attribute each are all read', async () =>
		refused(await sso({ email: 'bob@usher.test', 'object-id': 'oid-bob', group: ['staff', 'leavers'], 'one-value-each': true }), 403, 'denied-by-rule'));
	await test('denied-by-rule: groups that are not all known deny', async () => {
		refused(await sso({ email: 'bob@usher.test', 'object-id': 'oid-bob', group: ['staff', 'two\nlines'] }), 403, 'denied-by-rule');
		refused(await sso({ email: 'bob@usher.test', 'object-id': 'oid-bob', group: null, attribute: 'http://schemas.microsoft.com/claims/groups.link=https://graph.test/' }), 403, 'denied-by-rule');
	});
	await test('a password typed into the wrong box is not kept', async () => {
		const row = refused(await type(client(), 'hunter2 S3cret!'), 400, 'bad-email');
		assert.ok(!JSON.stringify(row).includes('hunter2'));
		assert.ok(!require('fs').readFileSync(`${env.E2E_DIR}/usher.log`, 'utf8').includes('hunter2'));
	});
	await test('one network that fills the password door leaves it open to others', async () => {
		const c = client();
		const page = await c.get(`${LOGIN}/login`);
		const form = { ...fields(page.body), email: 'on@local.test', password: 'no such password at all' };
		const flood = Array.from({ length: 60 }, () => c.post(`${LOGIN}/login/password`, form, { headers: { 'X-Forwarded-For': '198.51.100.77' } }));
		const good = await password(client(), 'on@local.test', PASSWORD);
		const answers = (await Promise.all(flood)).map((r) => r.status);
		assert.strictEqual(good.status, 303);
		assert.ok(answers.every((s) => [401, 429, 503].includes(s)), answers.join());
	});
	await test('subject-key-missing', async () => refused(await sso({ 'object-id': null }), 403, 'subject-key-missing'));
	await test('profile generic: keyed by NameID, unless it is transient', async () => {
		const plain = { issuer: 'https://plain.other.test/', email: null, attribute: 'mail=eve@plain.test', 'name-id': 'persistent-eve' };
		const transient = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';
		assert.strictEqual((await sso({ ...plain, 'name-id-format': 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' }, 'eve@plain.test')).status, 303);
		assert.match(usher('account show', 'eve@plain.test'), /persistent-eve/);
		refused(await sso({ ...plain, 'name-id-format': transient }, 'eve@plain.test'), 403, 'subject-key-missing');
	});
	await test('no-account-and-jit-off', async () => refused(await sso({ email: 'new@optional.test', 'object-id': 'oid-new' }), 403, 'no-account-and-jit-off'));
	await test('account-link-refused: the address now belongs to another identity', async () => {
		assert.strictEqual((await sso({})).status, 303);
		refused(await sso({ 'object-id': 'oid-somebody-else' }), 403, 'account-link-refused');
	});
	await test('an account made by hand is linked at the first assertion', async () => {
		assert.strictEqual((await sso({ email: 'alice@usher.test', 'object-id': 'oid-alice' })).status, 303);
		assert.match(usher('account show', 'alice@usher.test'), /oid-alice/);
	});
	await test('account-disabled: asserted', async () => {
		usher('account disable', 'alice@usher.test');
		refused(await sso({ email: 'alice@usher.test', 'object-id': 'oid-alice' }), 403, 'account-disabled');
		usher('account enable', 'alice@usher.test');
	});
	await test('no-matching-cookie: another browser', async () => {
		const request = await start(client(), 'ada@usher.test');
		const other = client();
		refused(await acs(other, mint(request.id)), 403, 'no-matching-cookie');
		assert.ok(!other.jar('login.usher.test').has('__Host-usher'));
	});
	await test('no-matching-cookie: the answer to a request nobody sent', async () => refused(await sso({ trick: 'wrong-request' }), 403, 'no-matching-cookie'));
	await test('unsolicited: opens nothing, is not spent, and the identity provider is asked; three times a minute', async () => {
		const c = client();
		const sessions = () => JSON.parse(usher('session list', '--format', 'json')).rows.length;
		const open = sessions();
		const response = mint(null, { 'name-id': 'una@usher.test', email: 'una@usher.test', 'object-id': 'oid-una' });
		let request;
		for (let i = 0; i < 3; i++) {
			const r = await acs(c, response); // the same one: nothing remembers it
			assert.strictEqual(r.status, 303, r.body);
			assert.ok(r.location.startsWith('https://idp.other.test/sso?'), r.location);
			request = authnRequest(r.location);
			assert.strictEqual(request.loginHint, 'una@usher.test');
		}
		refused(await acs(c, response), 403, 'unsolicited');
		assert.strictEqual(sessions(), open);
		assert.ok(!c.jar('login.usher.test').has('__Host-usher'));
		// the answer to what was asked signs in, at the home page
		const answer = mint(request.id, { 'name-id': 'una@usher.test', email: 'una@usher.test', 'object-id': 'oid-una' });
		let r = await acs(c, answer);
		assert.strictEqual(r.location, `${LOGIN}/`, r.body);
		// under that session, with the cookie that comes along from another site, it leads onward
		const jar = c.jar('login.usher.test');
		const session = jar.get('__Host-usher');
		jar.delete('__Host-usher');
		r = await acs(c, response);
		assert.strictEqual(r.location, `${LOGIN}/login`, r.body);
		assert.ok(!(r.headers['set-cookie'] || []).some((h) => h.startsWith('__Host-usher=')));
		// somebody else's asks again, and the session stays
		r = await acs(c, mint(null));
		assert.ok(r.location.startsWith('https://idp.other.test/sso?'), r.location);
		jar.set('__Host-usher', session);
		assert.match((await c.get(`${LOGIN}/`)).body, /una@usher\.test/);
		assert.strictEqual(sessions(), open + 1);
	});
	await test('unsolicited and not sound: refused as any other', async () => {
		refused(await acs(client(), mint(null, { trick: 'tampered' })), 403, 'signature-invalid');
		refused(await acs(client(), mint(null, { trick: 'expired' })), 403, 'assertion-expired');
		refused(await acs(client(), mint(null, { email: 'mallory@nowhere.test', 'object-id': 'oid-m' })), 403, 'email-domain-not-owned');
	});
	await test('the same Response again', async () => {
		const c = client();
		const request = await start(c, 'ada@usher.test');
		const before = new Map(c.jar('login.usher.test'));
		const response = mint(request.id);
		assert.strictEqual((await acs(c, response)).status, 303);
		const sessions = JSON.parse(usher('session list', '--format', 'json')).rows.length;
		// the browser that holds the session: onward, nothing new
		let r = await acs(c, response);
		assert.strictEqual(r.status, 303, r.body);
		assert.strictEqual(r.location, `${LOGIN}/login`);
		assert.ok(!(r.headers['set-cookie'] || []).some((h) => h.startsWith('__Host-usher=')));
		assert.strictEqual((await c.get(r.location)).location, `${LOGIN}/`);
		// a browser that has the pending login but not what came of it
		const again = client();
		for (const [k, v] of before) again.jar('login.usher.test').set(k, v);
		refused(await acs(again, response), 403, 'assertion-replayed');
		assert.strictEqual(JSON.parse(usher('session list', '--format', 'json')).rows.length, sessions);
	});
	await test('bad-encoding, bad-form, http-body', async () => {
		refused(await acs(client(), '!!!!'), 400, 'bad-encoding');
		refused(await client().post(`${LOGIN}/saml/acs`, 'SAMLResponse=YQ%3D%3D&SAMLResponse=YQ%3D%3D'), 400, 'bad-form');
		refused(await client().post(`${LOGIN}/saml/acs`, '{}', { headers: { 'Content-Type': 'application/json' } }), 415, 'http-body');
	});
	await test('http-not-found, http-method, http-host, forwarded-header, bad-return-url', async () => {
		refused(await client().get(`${LOGIN}/nothing`), 404, 'http-not-found');
		refused(await client().get(`${LOGIN}/saml/acs`), 405, 'http-method');
		refused(await client().get('https://elsewhere.test/login'), 421, 'http-host');
		refused(await client().get(`${LOGIN}/login`, { headers: { 'X-Forwarded-For': 'nonsense' } }), 400, 'forwarded-header');
		refused(await client().get('https://wiki.usher.test/.usher/start?rd=//evil.test/'), 400, 'bad-return-url');
	});
	await test('login-loop: the application\'s cookie never arrives', async () => {
		const c = client();
		await password(c, 'on@local.test', PASSWORD);
		for (let i = 0; i < 3; i++) {
			const r = await enter(c, 'crm.usher.test', '/same');
			assert.strictEqual(r.status, 303, r.body);
		}
		refused(await enter(c, 'crm.usher.test', '/same'), 403, 'login-loop');
	});
	await test('throttled: a stranger\'s guesses, not the person who is known', async () => {
		const good = client();
		assert.strictEqual((await password(good, 'on@local.test', PASSWORD)).status, 303);
		const strange = { headers: { 'X-Forwarded-For': '203.0.113.9', Origin: LOGIN } };
		let last;
		for (let i = 0; i < 8; i++) {
			const c = client();
			const page = await type(c, 'on@local.test');
			last = await c.post(`${LOGIN}/login/password`, { ...fields(page.body), email: 'on@local.test', password: 'guess number something' }, strange);
			if (last.status === 429) break;
		}
		refused(last, 429, 'throttled');
		assert.ok(Number(last.headers['retry-after']) > 0);
		assert.strictEqual((await password(client(), 'on@local.test', PASSWORD)).status, 303);
	});
	await test('what the command line changes reaches the daemon within a second', async () => {
		const c = client();
		await password(c, 'on@local.test', PASSWORD);
		assert.strictEqual((await c.get(`${LOGIN}/`)).status, 200);
		usher('session revoke', '--account', 'on@local.test');
		usher('bypass grant', 'desk@usher.test', '--kind', 'outside', '--owner', 'it', '--reason', 'test');
		const until = Date.now() + 5000;
		let r;
		do r = await c.get(`${LOGIN}/`); while (r.status !== 303 && Date.now() < until);
		assert.strictEqual(r.status, 303);
		do r = await type(client(), 'desk@usher.test'); while (r.status !== 200 && Date.now() < until);
		assert.match(r.body, /Enter your password/);
	});
	await test('metadata', async () => {
		const r = await client().get(`${LOGIN}/saml/metadata`);
		assert.match(r.body, /AssertionConsumerService[^>]*https:\/\/login\.usher\.test\/saml\/acs/);
		assert.strictEqual(usher('metadata'), r.body);
	});
	await test('auth: unknown application, contradicting headers, garbage cookies', async () => {
		assert.strictEqual((await auth(client(), 'other.test')).status, 403);
		assert.strictEqual((await auth(client(), 'wiki.usher.test', { 'X-Original-Host': 'crm.usher.test' })).status, 400);
		assert.strictEqual((await auth(client(), 'wiki.usher.test', { Cookie: '__Host-usher=AAAA' })).status, 401);
	});
	await test('nothing secret is in the log', async () => {
		const log = require('fs').readFileSync(`${env.E2E_DIR}/usher.log`, 'utf8');
		assert.ok(!log.includes(PASSWORD));
		assert.ok(!/SAMLResponse|__Host-usher=/.test(log));
	});
	done();
}

main();
