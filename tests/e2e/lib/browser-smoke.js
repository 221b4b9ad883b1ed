// browser-smoke.js - the checks of browser-smoke.t, which starts everything.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { launch, cookies, accessibility } = require('./browser.js');
const { test, done, assert } = require('./tap.js');

const { E2E_DIR: dir, CERTS: certs, NGINX_PORT: port, USHER_LAB: lab } = process.env;
const idp = `https://idp.other.test:${port}`;
const acs = `https://login.usher.test:${port}/saml/acs`;

// A fresh AuthnRequest: { id, url }.
function authnRequest(...more) {
	const args = ['authnrequest', '--sso', `${idp}/sso`, '--entity-id', 'https://login.usher.test', '--acs', acs, ...more];
	const [id, url] = execFileSync(lab, args, { encoding: 'utf8' }).split('\n');
	return { id, url };
}

// What the stub for usher saw.
const echoed = async (page) => JSON.parse(await page.textContent('#echo'));

async function main() {
	const web = await launch({ dir, certs, port });
	try {
		await proxy(web);
		await identityProvider(web);
		await sameSite(web);
	} finally {
		await web.close();
	}
	done();
}

async function proxy(web) {
	await test('the CA is trusted, and a visitor without a session is led to the start page', async () => {
		const page = await web.visitor();
		await page.goto(web.url('wiki', '/deep?x=1'));
		assert.strictEqual(page.url(), web.url('wiki', '/.usher/start?rd=%2Fdeep%3Fx%3D1'));
		assert.strictEqual((await page.evaluate(() => window.isSecureContext)), true);
	});
	await test('a session on one application passes there and nowhere else', async () => {
		const page = await web.visitor();
		await page.context().addCookies([{ name: '__Host-usher', value: 'ada', url: web.url('wiki'), secure: true, httpOnly: true, sameSite: 'Lax' }]);
		await page.goto(web.url('wiki', '/page'));
		const seen = await echoed(page);
		assert.deepStrictEqual(seen.headers['remote-user'], ['ada@usher.test']);
		assert.strictEqual(seen.headers.cookie, undefined);
		await page.goto(web.url('crm', '/page'));
		assert.match(page.url(), /crm\.usher\.test:\d+\/\.usher\/start/);
	});
}

async function identityProvider(web) {
	await test('the page to choose from is accessible and keeps to its own policy', async () => {
		const page = await web.visitor();
		await page.goto(authnRequest('--relay-state', 'r1').url);
		assert.strictEqual(await page.title(), 'Who are you?');
		assert.deepStrictEqual(await accessibility(page), []);
		assert.deepStrictEqual(page.problems, []);
		assert.deepStrictEqual(await page.locator('button[name=person]').evaluateAll((all) => all.map((b) => b.value)),
			['ada@usher.test', 'zoe@usher.test', 'mallory@usher.test']);
		assert.strictEqual(await page.locator('button[value="zoe@usher.test"]').innerText(), "Zoë O'Brien & <Co>\nzoe@usher.test");
	});
	await test('dark colours are accessible too', async () => {
		const page = await web.visitor({ colorScheme: 'dark' });
		await page.goto(authnRequest().url);
		assert.deepStrictEqual(await accessibility(page), []);
	});
	await test('a choice posts a Response that verifies, with RelayState, by itself', async () => {
		const page = await web.visitor();
		const request = authnRequest('--relay-state', 'r&"1');
		await page.goto(request.url);
		await page.locator('button[value="zoe@usher.test"]').click();
		await page.waitForURL(acs);
		const seen = await echoed(page);
		const form = new URLSearchParams(seen.body);
		assert.strictEqual(seen.method, 'POST');
		assert.strictEqual(form.get('RelayState'), 'r&"1');
		const file = path.join(dir, 'posted');
		fs.writeFileSync(file, seen.body);
		const verdict = execFileSync(process.env.USHER, ['verify', '--trust', path.join(certs, 'idp.pem'), '--issuer', `${idp}/metadata`,
			'--acs', acs, '--audience', 'https://login.usher.test', '--request-id', request.id, '--email-domain', 'usher.test', file],
		{ encoding: 'utf8' });
		assert.match(verdict, /zoe@usher\.test/);
		assert.match(verdict, /Zoë O'Brien & <Co>/);
	});
	await test('login_hint comes first and has the focus, so that Enter signs in', async () => {
		const page = await web.visitor();
		await page.goto(authnRequest('--login-hint', 'zoe@usher.test').url);
		assert.strictEqual(await page.locator('button').first().getAttribute('value'), 'zoe@usher.test');
		await page.keyboard.press('Enter');
		await page.waitForURL(acs);
	});
	await test('without scripts there is a button', async () => {
		const page = await web.visitor({ javaScriptEnabled: false });
		await page.goto(authnRequest().url);
		await page.locator('button[value="ada@usher.test"]').click();
		assert.strictEqual(await page.title(), 'Back to the application');
		await page.locator('text=Continue').click();
		await page.waitForURL(acs);
	});
	await test('Cancel posts an unsigned status without an assertion', async () => {
		const page = await web.visitor();
		const request = authnRequest();
		await page.goto(request.url);
		await page.locator('button[name=cancel]').click();
		await page.waitForURL(acs);
		const xml = Buffer.from(new URLSearchParams((await echoed(page)).body).get('SAMLResponse'), 'base64').toString();
		assert.match(xml, /AuthnFailed/);
		assert.match(xml, new RegExp(`InResponseTo="${request.id}"`));
		assert.doesNotMatch(xml, /Assertion /);
	});
	await test('a request for another ACS gets no Response', async () => {
		const page = await web.visitor();
		const url = execFileSync(lab, ['authnrequest', '--sso', `${idp}/sso`, '--entity-id', 'x', '--acs', 'https://evil.test/acs'],
			{ encoding: 'utf8' }).split('\n')[1];
		const reply = await page.goto(url);
		assert.strictEqual(reply.status(), 400);
		assert.match(await page.textContent('main'), /bad-url/);
		assert.strictEqual(await page.locator('form').count(), 0);
		assert.deepStrictEqual(await accessibility(page), []);
	});
}

// What the design of the pending-login cookie rests on.
async function sameSite(web) {
	await test('on the cross-site POST SameSite=None comes back, Lax and Strict do not', async () => {
		const page = await web.visitor();
		const set = (name, sameSite) => ({ name, value: '1', url: web.url('login'), secure: true, sameSite });
		await page.context().addCookies([set('none', 'None'), set('lax', 'Lax'), set('strict', 'Strict')]);
		await page.goto(authnRequest().url);
		await page.locator('button[value="ada@usher.test"]').click();
		await page.waitForURL(acs);
		assert.deepStrictEqual((await echoed(page)).headers.cookie, ['none=1']);
		assert.deepStrictEqual(Object.keys(await cookies(page, web.url('login'))).sort(), ['lax', 'none', 'strict']);
	});
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
