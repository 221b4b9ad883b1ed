// browser-pages.js - browser.t: usher's own pages for everybody. Without scripts, by keyboard alone, for a screen reader, light
// and dark, on a small screen, and within their own Content-Security-Policy.
'use strict';
const { accessibility } = require('./browser.js');
const { test, assert, echoed, AT_PROVIDER, PASSWORD } = require('./site.js');

let site;

async function run(it) {
	site = it;
	await withoutScripts();
	await byKeyboard();
	await everyPage();
	await policy();
}

async function withoutScripts() {
	await test('a whole login without scripts, and the way out', async () => {
		const page = await site.visitor({ javaScriptEnabled: false });
		await page.goto(site.url('wiki', '/plain'));
		await site.type(page, 'zoe@usher.test');
		await site.atProvider(page, 'zoe');
		await page.locator('noscript button').click(); // SimpleSAMLphp's own for this case
		await page.waitForURL(site.url('wiki', '/plain'));
		assert.deepStrictEqual((await echoed(page)).headers['remote-user'], ['zoe@usher.test']);
		await page.goto(site.url('login', '/logout'));
		await page.locator('form button').click();
		await page.goto(site.url('wiki', '/plain'));
		assert.ok(page.url().startsWith(site.url('login', '/login?')), page.url());
		await site.type(page, 'room-4@usher.test');
		await site.typePassword(page);
		await page.waitForSelector('text=That did not work'); // the wiki is not hers
	});
}

async function byKeyboard() {
	// Presses Tab until the focus is on `selector`.
	async function tabTo(page, selector) {
		await page.waitForLoadState();
		for (let i = 0; i < 20; i++) {
			if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
			await page.keyboard.press('Tab');
		}
		assert.fail(`no way to ${selector} by Tab`);
	}
	// Types into the field that has the focus, which must be `selector`, and presses Enter.
	async function enter(page, selector, text) {
		await page.waitForSelector(`${selector}:focus`);
		await page.keyboard.type(text);
		await page.keyboard.press('Enter');
	}

	await test('by keyboard alone: the address, the identity provider, the way out', async () => {
		const page = await site.visitor();
		await page.goto(site.url('crm', '/keys'));
		await enter(page, '#email', 'ada@usher.test');
		await page.waitForURL(AT_PROVIDER);
		await tabTo(page, '#username');
		await page.keyboard.type('ada');
		await tabTo(page, '#password');
		await enter(page, '#password', 'ada-secret');
		await page.waitForURL(site.url('crm', '/keys'));
		await page.goto(site.url('login'));
		await tabTo(page, 'form[action="/logout"] button');
		const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
		assert.strictEqual(ring, 'solid'); // who uses the keyboard sees where the focus is
		await page.keyboard.press('Enter');
		await page.waitForSelector('text=You are signed out');
	});
	await test('by keyboard alone: the password door', async () => {
		const page = await site.visitor();
		await page.goto(site.url('crm', '/keys'));
		await enter(page, '#email', 'room-4@usher.test');
		await enter(page, '#password', PASSWORD);
		await page.waitForURL(site.url('crm', '/keys'));
	});
	await test('by keyboard alone: both doors', async () => {
		const page = await site.visitor();
		await page.goto(site.url('crm', '/keys'));
		await enter(page, '#email', 'admin@usher.test');
		await page.waitForSelector('form[action="/login/password"]');
		await tabTo(page, 'form[action="/login/sso"] button');
		await tabTo(page, '#password');
		await enter(page, '#password', PASSWORD);
		await page.waitForURL(site.url('crm', '/keys'));
	});
}

// Every page usher shows, in the order of one visit: [name, how to get there].
const PAGES = [
	['login', (page) => page.goto(site.url('login', '/login'))],
	['login for an application', (page) => page.goto(site.url('wiki'))],
	['a wrong address', async (page) => {
		await page.locator('form').evaluate((form) => { form.noValidate = true; });
		await site.type(page, 'nobody@nothing@nowhere');
		await page.waitForSelector('#error');
	}],
	['refused', async (page) => {
		await site.type(page, 'who@elsewhere.test');
		await page.waitForSelector('#request-id');
	}],
	['choose', async (page) => {
		await page.goto(site.url('login', '/login'));
		await site.type(page, 'admin@usher.test');
		await page.waitForSelector('form[action="/login/sso"]');
	}],
	['password', async (page) => {
		await page.goto(site.url('login', '/login'));
		await site.type(page, 'room-4@usher.test');
		await page.waitForSelector('#password');
	}],
	['a wrong password', async (page) => {
		await site.typePassword(page, 'not the password at all');
		await page.waitForSelector('#error');
	}],
	['home', async (page) => {
		await site.typePassword(page);
		await page.waitForSelector('#who');
	}],
	['logout', (page) => page.goto(site.url('login', '/logout'))],
	['signed out', async (page) => {
		await page.locator('form button').click();
		await page.waitForSelector('text=You are signed out');
	}],
	['not found', (page) => page.goto(site.url('login', '/nothing'))],
];

async function everyPage() {
	const page = await site.visitor();
	for (const [name, go] of PAGES)
		await test(`page '${name}': accessible in light and dark, fits a small screen, says nothing to the console`, async () => {
			await go(page);
			assert.strictEqual(await page.locator('link[rel=stylesheet]').evaluate((l) => l.sheet.cssRules.length > 10), true);
			const seen = [];
			for (const colorScheme of ['light', 'dark']) {
				await page.emulateMedia({ colorScheme });
				seen.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
				assert.deepStrictEqual(await accessibility(page), []);
				if (process.env.E2E_SHOTS) await page.screenshot({ path: `${process.env.E2E_SHOTS}/${name.replace(/ /g, '-')}-${colorScheme}.png` });
			}
			assert.notStrictEqual(seen[0], seen[1]);
			await page.setViewportSize({ width: 320, height: 480 });
			assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), 'wider than 320 pixels');
			await page.setViewportSize({ width: 1280, height: 720 });
			assert.strictEqual(await page.locator('h1').count(), 1);
			assert.strictEqual(await page.locator('script').count(), 0);
			assert.deepStrictEqual(page.problems, []);
		});
	await page.context().close();
}

async function policy() {
	await test('no script, style, frame or base gets into a page, and such an attempt would be noticed above', async () => {
		const page = await site.visitor();
		const reply = await page.goto(site.url('login', '/login'));
		const csp = reply.headers()['content-security-policy'];
		for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(csp.includes(part), csp);
		await page.evaluate(() => {
			const script = document.createElement('script');
			script.textContent = 'window.through = 1';
			document.body.append(script);
			const image = document.createElement('img');
			image.src = '/healthz';
			document.body.append(image);
		});
		assert.strictEqual(await page.evaluate(() => window.through), undefined);
		assert.strictEqual(page.problems.filter((line) => /Content Security Policy/.test(line)).length, 2, page.problems.join('\n'));
		page.problems = [];
	});
	await test('another site cannot frame the pages', async () => {
		const page = await site.visitor();
		await page.goto(site.url('idp', '/simplesamlphp/resources/post.css'));
		await page.evaluate((src) => {
			const frame = document.createElement('iframe');
			frame.src = src;
			document.documentElement.append(frame);
		}, site.url('login', '/login'));
		const refused = (line) => /frame-ancestors|X-Frame-Options/.test(line);
		while (!page.problems.some(refused)) await page.waitForEvent('console');
		assert.ok(!page.frames().some((frame) => frame.url().includes('login.usher.test')));
		page.problems = [];
	});
}

module.exports = { run };
