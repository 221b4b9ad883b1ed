// browser-login.js - the checks of browser-login.t, which starts everything.
'use strict';
const { execFileSync } = require('child_process');
const { launch, cookies, accessibility } = require('./browser.js');
const { test, done, assert } = require('./tap.js');

const { E2E_DIR: dir, CERTS: certs, NGINX_PORT: port, USHER: usher } = process.env;
const PASSWORD = 'correct horse battery staple';

let web;

// What the application behind nginx got.
const echoed = async (page) => JSON.parse(await page.textContent('#echo'));

// Types an address into usher's one box.
async function type(page, email) {
	await page.fill('#email', email);
	await page.keyboard.press('Enter');
}

// Signs in at SimpleSAMLphp, which shows its form first.
async function atProvider(page, user) {
	await page.waitForURL(/^https:\/\/idp\.other\.test/);
	await page.fill('#username', user);
	await page.fill('#password', `${user}-secret`);
	await page.keyboard.press('Enter');
}

// A new visitor who is signed in to the wiki as `user` of the identity provider.
async function signedIn(user, at = '/') {
	const page = await web.visitor();
	await page.goto(web.url('wiki', at));
	await type(page, `${user}@usher.test`);
	await atProvider(page, user);
	await page.waitForURL(web.url('wiki', at));
	return page;
}

// The events of the log, newest last.
const events = () => JSON.parse(execFileSync(usher, ['log', 'show', '-c', `${dir}/usher.yaml`, '--format', 'json'], { encoding: 'utf8' })).rows;

// How many logins were accepted so far.
function accepted() {
	const n = events().filter((e) => e.event === 'login.accepted').length;
	assert.ok(n > 0, 'the log has none at all');
	return n;
}

async function main() {
	web = await launch({ dir, certs, port });
	try {
		await throughTheFrontDoor();
		await backAndTabs();
		await theException();
		await somebodyElse();
		await signingOut();
	} finally {
		await web.close();
	}
	done();
}

async function throughTheFrontDoor() {
	await test('from a deep page through the identity provider and back to it', async () => {
		const page = await web.visitor();
		await page.goto(web.url('wiki', '/deep/page?x=1&y=%2F'));
		assert.ok(page.url().startsWith(web.url('login', '/login?')), page.url());
		assert.deepStrictEqual(await accessibility(page), []);
		await type(page, 'zoe@usher.test');
		await atProvider(page, 'zoe');
		await page.waitForURL(web.url('wiki', '/deep/page?x=1&y=%2F'));
		const seen = await echoed(page);
		assert.strictEqual(seen.url, '/deep/page?x=1&y=%2F');
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual(seen.headers['remote-name'], ["Zo%C3%AB O'Brien & <Co>"]);
		assert.deepStrictEqual(seen.headers['remote-groups'], ['staff']);
		assert.strictEqual(seen.headers.cookie, undefined);
		assert.deepStrictEqual(page.problems, []);
	});
	await test('every cookie is __Host-, HttpOnly and of one host; the wiki has no other host\'s session', async () => {
		const page = await signedIn('zoe');
		for (const host of ['login', 'wiki']) {
			const all = await cookies(page, web.url(host));
			assert.ok(all['__Host-usher'], host);
			for (const cookie of Object.values(all)) {
				assert.match(cookie.name, /^__Host-usher/);
				assert.strictEqual(cookie.httpOnly && cookie.secure && cookie.path === '/', true, cookie.name);
				assert.ok(!cookie.domain.startsWith('.'), cookie.domain);
			}
		}
		const wiki = await cookies(page, web.url('wiki'));
		const login = await cookies(page, web.url('login'));
		assert.notStrictEqual(wiki['__Host-usher'].value, login['__Host-usher'].value);
		assert.strictEqual(wiki['__Host-usher'].sameSite, 'Lax');
		assert.strictEqual(await page.evaluate(() => document.cookie), '');
	});
	await test('the second application opens without signing in again, with its own cookie', async () => {
		const page = await signedIn('zoe');
		await page.goto(web.url('crm', '/list'));
		assert.strictEqual(page.url(), web.url('crm', '/list'));
		const seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['zoe@usher.test']);
		assert.strictEqual(seen.headers['remote-groups'], undefined); // crm names no groups
		const wiki = await cookies(page, web.url('wiki'));
		const crm = await cookies(page, web.url('crm'));
		assert.notStrictEqual(wiki['__Host-usher'].value, crm['__Host-usher'].value);
	});
	await test('one application\'s cookie is worth nothing at the other', async () => {
		const page = await signedIn('zoe');
		const stolen = (await cookies(page, web.url('wiki')))['__Host-usher'].value;
		const thief = await web.visitor();
		await thief.context().addCookies([{ name: '__Host-usher', value: stolen, url: web.url('crm'), secure: true, httpOnly: true, sameSite: 'Lax' }]);
		await thief.goto(web.url('crm'));
		assert.ok(thief.url().startsWith(web.url('login', '/login?')), thief.url());
	});
	await test('a colleague\'s address typed, signed in as oneself: oneself', async () => {
		const page = await web.visitor();
		await page.goto(web.url('wiki'));
		await type(page, 'ada@usher.test');
		await atProvider(page, 'zoe');
		await page.waitForURL(web.url('wiki'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
	});
	await test('without scripts at usher: its pages need none', async () => {
		const page = await web.visitor({ javaScriptEnabled: false });
		await page.goto(web.url('wiki', '/plain'));
		await type(page, 'zoe@usher.test');
		await atProvider(page, 'zoe');
		// SimpleSAMLphp's own button for this case is there, but its style sheet hides it
		await page.locator('#postLoginSubmitButton').evaluate((button) => button.click());
		await page.waitForURL(web.url('wiki', '/plain'));
	});
}

async function backAndTabs() {
	await test('Back after signing in: the provider answers unasked, usher offers to start again, nobody is signed out', async () => {
		const page = await signedIn('zoe', '/first');
		const before = accepted();
		await page.goBack({ waitUntil: 'commit' });
		await page.waitForURL(web.url('login', '/saml/acs'));
		assert.strictEqual(events().at(-1).error, 'unsolicited');
		assert.deepStrictEqual(await accessibility(page), []);
		await page.goto(web.url('wiki', '/second'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		assert.strictEqual(accepted(), before);
	});
	await test('the same Response posted twice from this browser leads onward and opens nothing new', async () => {
		const page = await web.visitor();
		let body;
		page.on('request', (r) => {
			if (r.method() === 'POST' && r.url() === web.url('login', '/saml/acs')) body = r.postData();
		});
		await page.goto(web.url('wiki', '/twice'));
		await type(page, 'zoe@usher.test');
		await atProvider(page, 'zoe');
		await page.waitForURL(web.url('wiki', '/twice'));
		assert.ok(body);
		const before = accepted();
		await post(page, body);
		await page.waitForURL(/wiki\.usher\.test/);
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		assert.strictEqual(accepted(), before);
	});
	await test('two tabs under way at once both arrive where they wanted', async () => {
		const one = await web.visitor();
		const two = await one.context().newPage();
		await one.goto(web.url('wiki', '/one'));
		await two.goto(web.url('crm', '/two'));
		await type(one, 'zoe@usher.test');
		await one.waitForURL(/^https:\/\/idp\.other\.test/);
		await type(two, 'zoe@usher.test');
		await two.waitForURL(/^https:\/\/idp\.other\.test/);
		await atProvider(one, 'zoe');
		await one.waitForURL(web.url('wiki', '/one'));
		await two.bringToFront();
		await atProvider(two, 'zoe');
		await two.waitForURL(web.url('crm', '/two'));
		assert.deepStrictEqual((await echoed(two)).headers['remote-user'], ['zoe@usher.test']);
		await one.goto(web.url('wiki', '/again'));
		assert.strictEqual(one.url(), web.url('wiki', '/again'));
	});
}

async function theException() {
	await test('the exception signs in by password in the same box, without ever seeing the identity provider', async () => {
		const page = await web.visitor();
		const visited = [];
		page.on('framenavigated', (frame) => visited.push(frame.url()));
		await page.goto(web.url('crm', '/screen'));
		await type(page, 'room-4@usher.test');
		await page.waitForSelector('#password');
		assert.deepStrictEqual(await accessibility(page), []);
		await page.fill('#password', PASSWORD);
		await page.keyboard.press('Enter');
		await page.waitForURL(web.url('crm', '/screen'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['room-4@usher.test']);
		assert.ok(!visited.some((url) => url.includes('idp.other.test')), visited.join('\n'));
		assert.deepStrictEqual(page.problems, []);
	});
	await test('signed in, but not in a group the wiki asks for: 403, no loop', async () => {
		const page = await web.visitor();
		await page.goto(web.url('crm'));
		await type(page, 'room-4@usher.test');
		await page.fill('#password', PASSWORD);
		await page.keyboard.press('Enter');
		await page.waitForURL(web.url('crm'));
		const reply = await page.goto(web.url('wiki'));
		assert.strictEqual(reply.status(), 403);
	});
	await test('a wrong password: an accessible page that says nothing about the account', async () => {
		const page = await web.visitor();
		await page.goto(web.url('crm'));
		await type(page, 'room-4@usher.test');
		await page.fill('#password', 'not the password at all');
		await page.keyboard.press('Enter');
		await page.waitForLoadState();
		await page.waitForSelector('text=did not work');
		assert.deepStrictEqual(await accessibility(page), []);
	});
}

// Posts a SAMLResponse body from another site, as an attacker's page would.
async function post(page, body) {
	await page.goto(web.url('idp', '/simplesamlphp/resources/post.css'));
	await page.evaluate(({ action, fields }) => {
		const form = document.createElement('form');
		form.method = 'post';
		form.action = action;
		for (const [name, value] of fields) {
			const input = document.createElement('input');
			input.type = 'hidden';
			input.name = name;
			input.value = value;
			form.append(input);
		}
		document.documentElement.append(form);
		form.submit();
	}, { action: web.url('login', '/saml/acs'), fields: [...new URLSearchParams(body)] });
	await page.waitForURL((url) => url.hostname !== 'idp.other.test');
}

async function somebodyElse() {
	await test('an attacker\'s own Response posted in a victim\'s browser logs nobody in', async () => {
		const attacker = await web.visitor();
		let body;
		await attacker.route(web.url('login', '/saml/acs'), (route) => {
			body = route.request().postData();
			return route.abort(); // kept unspent
		});
		await attacker.goto(web.url('wiki'));
		await type(attacker, 'ada@usher.test');
		await atProvider(attacker, 'ada');
		while (!body) await attacker.waitForEvent('requestfailed');

		const victim = await web.visitor();
		await post(victim, body);
		assert.strictEqual(victim.url(), web.url('login', '/saml/acs'));
		assert.strictEqual(events().at(-1).error, 'no-matching-cookie');
		assert.deepStrictEqual(await accessibility(victim), []);
		assert.strictEqual((await cookies(victim, web.url('login')))['__Host-usher'], undefined);
		await victim.goto(web.url('wiki'));
		assert.ok(victim.url().startsWith(web.url('login', '/login?')), victim.url());

		// the same in the browser of somebody who is on the way to signing in, too: another request
		const busy = await web.visitor();
		await busy.goto(web.url('wiki'));
		await type(busy, 'zoe@usher.test');
		await busy.waitForURL(/^https:\/\/idp\.other\.test/);
		await post(busy, body);
		assert.strictEqual((await cookies(busy, web.url('login')))['__Host-usher'], undefined);
	});
	await test('usher\'s pages cannot be framed', async () => {
		const page = await web.visitor();
		const reply = await page.goto(web.url('login', '/login'));
		assert.match(reply.headers()['content-security-policy'], /frame-ancestors 'none'/);
	});
}

async function signingOut() {
	await test('signing out ends the session on every application', async () => {
		const page = await signedIn('zoe');
		await page.goto(web.url('crm'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		await page.goto(web.url('login', '/logout'));
		assert.deepStrictEqual(await accessibility(page), []);
		await page.locator('form[action="/logout"] button').click();
		await page.waitForLoadState();
		for (const host of ['wiki', 'crm']) {
			await page.goto(web.url(host));
			assert.ok(page.url().startsWith(web.url('login', '/login')), page.url());
		}
	});
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
