// browser-trouble.js - browser.t: what people and browsers do that no login is drawn for. Tabs, Back, double clicks, lost
// cookies, somebody else's Response.
'use strict';
const { test, assert, echoed, cookies, sessions, accepted, refusedPage, PENDING, AT_PROVIDER } = require('./site.js');

let site;

async function run(it) {
	site = it;
	await tabs();
	await back();
	await twice();
	await lostCookies();
	await somebodyElse();
}

const ACS = () => site.url('login', '/saml/acs');
const sessionAt = async (page, host) => (await cookies(page, site.url(host)))['__Host-usher'];

async function tabs() {
	// Both tabs are answered before either has a cookie; usher must not need one tab's cookie for the other. Only the way to
	// the identity provider is taken one after the other: SimpleSAMLphp itself loses one of two that begin there at once.
	for (const [name, other] of [['two applications', 'crm'], ['one application', 'wiki']])
		await test(`two tabs that start at once, ${name}: both arrive`, async () => {
			const before = sessions();
			const one = await site.visitor();
			const two = await one.context().newPage();
			await Promise.all([one.goto(site.url('wiki', '/one')), two.goto(site.url(other, '/two'))]);
			await site.type(one, 'zoe@usher.test');
			await one.waitForURL(AT_PROVIDER);
			await site.type(two, 'zoe@usher.test');
			await two.waitForURL(AT_PROVIDER);
			await site.atProvider(two, 'zoe');
			await two.waitForURL(site.url(other, '/two'));
			await site.atProvider(one, 'zoe');
			await one.waitForURL(site.url('wiki', '/one'));
			for (const page of [one, two]) {
				await page.reload();
				assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
			}
			// the second login took the place of the first, though its Response came without the session cookie: signing out
			// leaves nothing behind
			assert.strictEqual(sessions(), before + 1);
			await one.goto(site.url('login', '/logout'));
			await one.locator('form button').click();
			await one.waitForSelector('text=You are signed out');
			assert.strictEqual(sessions(), before);
			for (const [page, host] of [[one, 'wiki'], [two, other]]) {
				await page.goto(site.url(host));
				assert.ok(page.url().startsWith(site.url('login', '/login?')), page.url());
			}
		});
}

async function back() {
	await test('Back after signing in: the provider answers unasked, usher leads onward, nobody is signed out', async () => {
		const page = await site.signIn(await site.visitor(), 'zoe', 'wiki', '/first');
		const [before, open] = [accepted(), sessions()];
		await page.goBack({ waitUntil: 'commit' });
		await page.waitForSelector('#who');
		assert.match(await page.textContent('#who'), /zoe@usher\.test/);
		await page.goto(site.url('wiki', '/second'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual([accepted(), sessions()], [before, open]);
	});
	await test('Back to where usher\'s own pages were: onward, as the session is there', async () => {
		const page = await site.visitor();
		await page.goto(site.url('wiki', '/before'));
		const login = page.url();
		await site.signIn(page, 'zoe', 'wiki', '/before');
		await page.goto(login);
		assert.strictEqual(page.url(), site.url('wiki', '/before'));
	});
	await test('the same Response once more from this browser leads onward and opens nothing', async () => {
		const page = await site.visitor();
		const body = await site.unspent(page, 'zoe', '/again');
		await site.post(page, body);
		await page.waitForURL(site.url('wiki', '/again'));
		const [before, open, session] = [accepted(), sessions(), await sessionAt(page, 'login')];
		await site.post(page, body);
		await page.waitForURL(site.url('wiki', '/again'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual([accepted(), sessions()], [before, open]);
		assert.strictEqual((await sessionAt(page, 'login')).value, session.value);
	});
	await test('a refusal reloaded is a refusal', async () => {
		const page = await site.visitor();
		const body = await site.unspent(page, 'zoe');
		await page.context().clearCookies({ name: PENDING });
		await site.post(page, body);
		await page.reload(); // posts again
		await refusedPage(page, 'no-matching-cookie');
		assert.strictEqual(await sessionAt(page, 'login'), undefined);
	});
}

async function twice() {
	// Where a double click ended: signed in, or on a page to go on from.
	async function ended(page) {
		await page.waitForSelector('#echo, #again, #who'); // not waitForURL(): a navigation that another one overtakes is no failure
		if (page.url() === ACS()) return 'start again';
		// an answer more than was asked for leads to usher's own page, where it says who is signed in
		if (await page.locator('#who').count()) return (await page.textContent('#who')).match(/[a-z]+@usher\.test/)[0];
		return (await echoed(page)).headers['remote-user'].join();
	}

	await test('a double click on the identity provider\'s button', async () => {
		const page = await site.visitor();
		await page.goto(site.url('wiki', '/double'));
		await site.type(page, 'zoe@usher.test');
		await site.fillProvider(page, 'zoe');
		const [before, open] = [accepted(), sessions()];
		await page.locator('#submit_button').dblclick({ noWaitAfter: true });
		// On a busy machine Chromium now and then cancels its own first form and, as SimpleSAMLphp's script has disabled the
		// button by then, sends no second one: nothing ever leaves the provider's page. Its visitor begins again.
		if (!await page.waitForSelector('#echo, #again, #who', { timeout: 10000 }).catch(() => null)) {
			assert.match(page.url(), AT_PROVIDER);
			await page.reload();
			await site.atProvider(page, 'zoe');
		}
		const where = await ended(page);
		assert.match(where, /^(zoe@usher\.test|start again)$/);
		assert.ok(accepted() - before <= 1);
		assert.strictEqual(sessions() - open, accepted() - before);
		if (where !== 'start again') assert.strictEqual(accepted() - before, 1);
	});
	await test('the Response\'s form sent twice in a row: one session', async () => {
		const page = await site.visitor();
		const body = await site.unspent(page, 'zoe', '/double');
		await site.responseForm(page, body);
		const [before, open] = [accepted(), sessions()];
		await page.evaluate(() => {
			const form = document.querySelector('form');
			form.submit();
			setTimeout(() => form.submit(), 0);
		});
		assert.match(await ended(page), /^(zoe@usher\.test|start again)$/);
		assert.deepStrictEqual([accepted(), sessions()], [before + 1, open + 1]);
	});
	await test('the same Response in two tabs at the same moment: one session, and the other tab can go on', async () => {
		const one = await site.visitor();
		const body = await site.unspent(one, 'zoe', '/both');
		const two = await one.context().newPage();
		for (const page of [one, two]) await site.responseForm(page, body);
		const [before, open] = [accepted(), sessions()];
		await Promise.all([one, two].map((page) => page.evaluate(() => document.querySelector('form').submit())));
		const all = [await ended(one), await ended(two)];
		assert.deepStrictEqual([accepted(), sessions()], [before + 1, open + 1]);
		assert.ok(all.includes('zoe@usher.test'), all.join());
		for (const page of [one, two]) {
			if (page.url() === ACS()) await refusedPage(page, 'assertion-replayed');
			await page.goto(site.url('wiki', '/on'));
			assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		}
	});
}

async function lostCookies() {
	await test('the pending login was lost: a page, no session, nothing by itself, and starting again works', async () => {
		const page = await site.visitor();
		await page.goto(site.url('wiki', '/lost'));
		await site.type(page, 'zoe@usher.test');
		await site.fillProvider(page, 'zoe');
		assert.strictEqual(Object.keys(await cookies(page, site.url('login'))).filter((name) => PENDING.test(name)).length, 1);
		await page.context().clearCookies({ name: PENDING });
		const [before, open] = [accepted(), sessions()];
		await page.keyboard.press('Enter');
		await page.waitForURL(ACS());
		await refusedPage(page, 'no-matching-cookie');
		assert.strictEqual(await sessionAt(page, 'login'), undefined);
		assert.deepStrictEqual([accepted(), sessions()], [before, open]);
		await page.click('#again');
		await site.type(page, 'zoe@usher.test');
		await page.waitForSelector('#who'); // the provider still knows her
		assert.match(await page.textContent('#who'), /zoe@usher\.test/);
		assert.deepStrictEqual([accepted(), sessions()], [before + 1, open + 1]);
		await page.goto(site.url('wiki', '/lost'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
	});
	await test('the application\'s cookie never arrives: a page after three rounds, which names nothing secret', async () => {
		const page = await site.visitor();
		const rounds = [];
		page.on('request', (r) => {
			if (/\/\.usher\/land/.test(r.url())) rounds.push(r.url());
		});
		await withoutCookie(page, 'wiki');
		await page.goto(site.url('wiki', '/loop'));
		await site.type(page, 'zoe@usher.test');
		await site.atProvider(page, 'zoe');
		await page.waitForSelector('#error');
		assert.strictEqual(new URL(page.url()).host, new URL(site.url('login')).host);
		await refusedPage(page, 'login-loop', { again: false });
		assert.strictEqual(rounds.length, 3);
		// the other application is not part of it
		await page.goto(site.url('crm'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
	});
}

// From now on this page's requests to an application's host go without its session cookie, as if the browser refused it.
async function withoutCookie(page, host) {
	const session = await page.context().newCDPSession(page);
	const url = site.url(host);
	session.on('Fetch.requestPaused', async ({ requestId }) => {
		await session.send('Network.deleteCookies', { name: '__Host-usher', url });
		await session.send('Fetch.continueRequest', { requestId });
	});
	await session.send('Fetch.enable', { patterns: [{ urlPattern: `${url}*` }] });
}

async function somebodyElse() {
	await test('an attacker\'s own Response posted in a victim\'s browser logs nobody in', async () => {
		const body = await site.unspent(await site.visitor(), 'ada');
		const [before, open] = [accepted(), sessions()];
		const victim = await site.visitor();
		await site.post(victim, body);
		assert.strictEqual(victim.url(), ACS());
		await refusedPage(victim, 'no-matching-cookie');
		assert.strictEqual(await sessionAt(victim, 'login'), undefined);
		await victim.goto(site.url('wiki'));
		assert.ok(victim.url().startsWith(site.url('login', '/login?')), victim.url());

		// nor in the browser of somebody who is on the way to signing in: that is another request
		await site.type(victim, 'zoe@usher.test');
		await victim.waitForURL(AT_PROVIDER);
		await site.post(victim, body);
		await refusedPage(victim, 'no-matching-cookie');
		assert.strictEqual(await sessionAt(victim, 'login'), undefined);

		// nor is somebody signed out or turned into another by it
		const zoe = await site.signIn(await site.visitor(), 'zoe');
		await site.post(zoe, body);
		await refusedPage(zoe, 'no-matching-cookie');
		await zoe.goto(site.url('wiki'));
		assert.deepStrictEqual((await echoed(zoe)).headers['remote-user'], ['zoe@usher.test']);
		assert.deepStrictEqual([accepted(), sessions()], [before + 1, open + 1]); // Zoë's
	});
}

module.exports = { run };
