// demo.js - the sample people of the demo in Chromium, which knows nothing of these hosts but that they are *.localhost.
'use strict';
const { executable } = require('./browser.js');
const { test, done, assert } = require('./tap.js');
const { chromium } = require('playwright-core');

const { DEMO_PORT: port, DEMO_PASSWORD: password } = process.env;
const WIKI = `http://wiki.localhost:${port}`;
const LOGIN = `http://login.localhost:${port}`;

async function main() {
	const browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox', '--disable-background-networking'] });
	// A new person at the sample page, led to the box; types the address.
	const arrive = async (email, path = '/') => {
		const page = await (await browser.newContext()).newPage();
		page.setDefaultTimeout(15000);
		await page.goto(WIKI + path);
		assert.ok(page.url().startsWith(`${LOGIN}/login?to=`), page.url());
		await page.fill('input[name=email]', email);
		await page.keyboard.press('Enter');
		return page;
	};
	const pick = (page, name) => page.locator(`button[value="${name}"]`).click();
	const sent = async (page) => {
		const of = (id) => page.locator(`#${id}`).innerText();
		return { who: await of('who'), user: await of('user'), email: await of('email'), name: await of('name'), groups: await of('groups'), cookie: await of('cookie') };
	};
	const refused = async (page) => {
		assert.match(await page.locator('#request-id').innerText(), /^[0-9a-z]{10,}$/);
		assert.ok(!(await page.context().cookies()).some((c) => c.name === '__Host-usher'));
		await page.goto(WIKI);
		assert.ok(page.url().startsWith(LOGIN), page.url());
	};

	await test('SSO: from the page, through the identity provider, back to the page, with headers and without usher\'s cookie', async () => {
		const page = await arrive('ada@example.com', '/deep/page?x=1');
		await page.waitForURL(/idp\.localhost/);
		await pick(page, 'ada@example.com');
		await page.waitForURL(`${WIKI}/deep/page?x=1`);
		assert.deepStrictEqual(await sent(page),
			{ who: 'Ada Lovelace', user: 'ada@example.com', email: 'ada@example.com', name: 'Ada Lovelace', groups: 'staff,editors', cookie: '' });
		const cookie = (await page.context().cookies(WIKI)).find((c) => c.name === '__Host-usher');
		assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Lax' && cookie.domain === 'wiki.localhost', JSON.stringify(cookie));
	});
	await test('signing out', async () => {
		const page = await arrive('ada@example.com');
		await page.waitForURL(/idp\.localhost/);
		await pick(page, 'ada@example.com');
		await page.waitForURL(`${WIKI}/`);
		await page.click('text=Sign out');
		await page.locator('form button').first().click();
		await page.waitForLoadState();
		await page.goto(WIKI);
		assert.ok(page.url().startsWith(`${LOGIN}/login`), page.url());
	});
	await test('the exception: the password that was printed', async () => {
		const page = await arrive('room-4@example.com');
		await page.fill('input[name=password]', password);
		await page.keyboard.press('Enter');
		await page.waitForURL(`${WIKI}/`);
		assert.strictEqual((await sent(page)).user, 'room-4@example.com');
		assert.strictEqual((await sent(page)).groups, '');
	});
	await test('an unknown domain is refused', async () => {
		const page = await arrive('guest@example.org');
		await refused(page);
	});
	await test('a disabled account is refused after the identity provider said yes', async () => {
		const page = await arrive('max@example.com');
		await page.waitForURL(/idp\.localhost/);
		await pick(page, 'max@example.com');
		await page.waitForURL(`${LOGIN}/saml/acs`);
		await refused(page);
	});
	await test('the directory does not open the exception\'s door', async () => {
		const page = await arrive('ada@example.com');
		await page.waitForURL(/idp\.localhost/);
		await pick(page, 'room-4@example.com');
		await page.waitForURL(`${LOGIN}/saml/acs`);
		await refused(page);
	});
	await browser.close();
	done();
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
