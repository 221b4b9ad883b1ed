// browser-login.js - browser.t: both doors, what the applications get to see, one session per host, signing out.
'use strict';
const { test, assert, echoed, cookies, raw, events, sessions, AT_PROVIDER } = require('./site.js');

const FORGED = { 'Remote-User': 'root@usher.test', 'Remote-Email': 'root@usher.test', 'Remote-Name': 'Root', 'Remote-Groups': 'wheel' };

let site;

async function run(it) {
	site = it;
	await doors();
	await identityHeaders();
	await oneSessionPerHost();
	await signingOut();
}

async function doors() {
	await test('Zoë: from a deep page of the wiki through the identity provider and back to it', async () => {
		const page = await site.visitor();
		await page.goto(site.url('wiki', '/deep/page?x=1&y=%2F'));
		assert.ok(page.url().startsWith(site.url('login', '/login?')), page.url());
		await site.type(page, 'zoe@usher.test');
		await site.atProvider(page, 'zoe');
		await page.waitForURL(site.url('wiki', '/deep/page?x=1&y=%2F'));
		const seen = await echoed(page);
		assert.strictEqual(seen.url, '/deep/page?x=1&y=%2F');
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual(seen.headers['remote-email'], ['zoe@usher.test']);
		assert.deepStrictEqual(seen.headers['remote-name'], ["Zo%C3%AB O'Brien & <Co>"]);
		assert.deepStrictEqual(seen.headers['remote-groups'], ['staff']);
	});
	await test('Ada: the same way, her own name and groups', async () => {
		const page = await site.signIn(await site.visitor(), 'ada');
		const seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['ada@usher.test']);
		assert.deepStrictEqual(seen.headers['remote-name'], ['Ada Lovelace']);
		assert.deepStrictEqual(seen.headers['remote-groups'], ['staff,admins']);
	});
	await test('a colleague\'s address typed, signed in as oneself: oneself', async () => {
		const page = await site.visitor();
		await page.goto(site.url('wiki'));
		await site.type(page, 'ada@usher.test');
		await site.atProvider(page, 'zoe');
		await page.waitForURL(site.url('wiki'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		assert.strictEqual(events().at(-1).account, 'zoe@usher.test');
	});
	await test('the exception: by password, in the same box, without ever seeing the identity provider', async () => {
		const page = await site.visitor();
		const visited = [];
		page.on('request', (r) => visited.push(r.url()));
		await page.goto(site.url('crm', '/screen'));
		await site.type(page, 'room-4@usher.test');
		await site.typePassword(page);
		await page.waitForURL(site.url('crm', '/screen'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['room-4@usher.test']);
		assert.ok(visited.length > 4);
		assert.ok(!visited.some((url) => AT_PROVIDER.test(url)), visited.join('\n'));
		// signed in, but not in a group the wiki asks for: one answer, no loop
		const reply = await page.goto(site.url('wiki'));
		assert.strictEqual(reply.status(), 403);
		assert.strictEqual(events().at(-1).error, 'app-not-allowed');
	});
	await test('the fallback account sees both doors; each of them opens', async () => {
		const page = await site.visitor();
		await page.goto(site.url('crm'));
		await site.type(page, 'admin@usher.test');
		await page.waitForSelector('form[action="/login/password"]');
		await page.locator('form[action="/login/sso"] button').click();
		await page.waitForURL(AT_PROVIDER);
		await page.goto(site.url('crm'));
		await site.type(page, 'admin@usher.test');
		await site.typePassword(page);
		await page.waitForURL(site.url('crm'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['admin@usher.test']);
	});
}

async function identityHeaders() {
	await test('identity headers that the browser sends itself are replaced, and dropped where usher sends none', async () => {
		const page = await site.signIn(await site.visitor({ extraHTTPHeaders: FORGED }), 'zoe');
		let seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual(seen.headers['remote-groups'], ['staff']);
		assert.doesNotMatch(JSON.stringify(seen), /root@usher\.test|wheel/);
		await page.goto(site.url('crm'));
		seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.strictEqual(seen.headers['remote-groups'], undefined); // crm's entry names no groups
		assert.doesNotMatch(JSON.stringify(seen), /root@usher\.test|wheel/);
	});
	await test('nor does a raw client get them through, with a session or without', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		const session = (await cookies(page, site.url('wiki')))['__Host-usher'].value;
		const reply = await raw('wiki', '/json', { ...FORGED, Remote_User: 'root@usher.test', Cookie: `theme=dark; __Host-usher=${session}` });
		assert.strictEqual(reply.status, 200, reply.body);
		const seen = JSON.parse(reply.body);
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.doesNotMatch(reply.body, /root@usher\.test|wheel/);
		assert.ok(!reply.body.includes(session));
		const stranger = await raw('wiki', '/json', FORGED);
		assert.strictEqual(stranger.status, 302);
		assert.strictEqual(stranger.headers.location, site.url('wiki', '/.usher/start?rd=%2Fjson'));
	});
}

async function oneSessionPerHost() {
	await test('one application\'s session is worth nothing at the other', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		const atCrm = await site.thief(page, 'wiki', 'crm');
		assert.ok(atCrm.url().startsWith(site.url('login', '/login?')), atCrm.url());
		const atLogin = await site.thief(page, 'wiki', 'login');
		assert.strictEqual(atLogin.url(), site.url('login', '/login'));
		// it is the host that is wrong: where it belongs, the copy works
		const copy = await site.thief(page, 'wiki', 'wiki');
		assert.deepStrictEqual((await echoed(copy)).headers['remote-user'], ['zoe@usher.test']);
	});
	await test('the second application opens in one round, without typing, with its own cookie, which it never sees', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		const before = sessions();
		const reply = await page.goto(site.url('crm', '/list'));
		const way = [];
		for (let r = reply.request(); r; r = r.redirectedFrom()) way.unshift(r.url().replace(/\?.*/, ''));
		assert.deepStrictEqual(way, [site.url('crm', '/list'), site.url('crm', '/.usher/start'), site.url('login', '/login'), site.url('crm', '/.usher/land'),
			site.url('crm', '/list')]);
		const seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		const all = {};
		for (const host of ['login', 'wiki', 'crm']) {
			all[host] = await cookies(page, site.url(host));
			for (const cookie of Object.values(all[host])) {
				assert.match(cookie.name, /^__Host-usher/);
				assert.strictEqual(cookie.httpOnly && cookie.secure && cookie.path === '/', true, cookie.name);
				assert.ok(!cookie.domain.startsWith('.'), cookie.domain);
			}
			assert.strictEqual(all[host]['__Host-usher'].sameSite, 'Lax');
		}
		assert.strictEqual(new Set(['login', 'wiki', 'crm'].map((host) => all[host]['__Host-usher'].value)).size, 3);
		assert.strictEqual(sessions(), before); // one session, a token per host
		// the application's own cookies arrive, usher's do not
		await page.context().addCookies([{ name: 'theme', value: 'dark', url: site.url('crm') }]);
		await page.reload();
		const cookie = (await echoed(page)).headers.cookie.join();
		assert.match(cookie, /theme=dark/);
		assert.doesNotMatch(cookie, /usher/);
		assert.strictEqual(await page.evaluate(() => document.cookie), 'theme=dark');
	});
}

async function signingOut() {
	await test('the button ends the session on both applications', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		await page.goto(site.url('crm'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		const kept = {};
		for (const host of ['wiki', 'crm']) kept[host] = (await cookies(page, site.url(host)))['__Host-usher'].value;
		const before = sessions();
		await page.goto(site.url('login', '/logout'));
		await page.locator('form[action="/logout"] button').click();
		await page.waitForSelector('text=You are signed out');
		assert.strictEqual(sessions(), before - 1);
		assert.strictEqual((await cookies(page, site.url('login')))['__Host-usher'], undefined);
		for (const host of ['wiki', 'crm']) {
			await page.goto(site.url(host));
			assert.ok(page.url().startsWith(site.url('login', '/login?')), page.url());
			// the cookie that the browser still had, or whoever copied it, opens nothing
			assert.strictEqual((await raw(host, '/json', { Cookie: `__Host-usher=${kept[host]}` })).status, 302);
		}
	});
	await test('the button goes on to the identity provider, which signs out as well and says so', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		await page.goto(site.url('login', '/logout'));
		await page.locator('form[action="/logout"] button').click();
		await page.waitForSelector('#signed-out');
		assert.match(page.url(), /\/saml\/slo\?SAMLResponse=/);
		assert.match(await page.textContent('#signed-out'), /has signed you out as well/);
		// it asks for the password again
		await page.goto(site.url('wiki'));
		await site.type(page, 'zoe@usher.test');
		await page.waitForURL(AT_PROVIDER);
		await page.waitForSelector('#username');
	});
	await test('signing out at the identity provider ends the session here', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe');
		const before = sessions();
		const there = site.url('idp', '/simplesamlphp/resources/post.css'); // it returns to its own host only
		await page.goto(site.url('idp', `/simplesamlphp/saml2/idp/SingleLogoutService.php?ReturnTo=${encodeURIComponent(there)}`));
		await page.waitForURL(there);
		assert.strictEqual(sessions(), before - 1);
		const last = events().filter((e) => e.event === 'session.ended').pop();
		assert.ok(last.idp);
		assert.strictEqual((await cookies(page, site.url('login')))['__Host-usher'], undefined);
		await page.goto(site.url('wiki'));
		assert.ok(page.url().startsWith(site.url('login', '/login?')), page.url());
	});
}

module.exports = { run };
