// site.js - what the browser checks have in common: the people, the ways they take, and what usher says happened.
// site.sh starts what this talks to and sets the environment.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const https = require('https');
const { launch, cookies, HOSTS } = require('./browser.js');
const { test: tap, assert } = require('./tap.js');

const { E2E_DIR: dir, CERTS: certs, NGINX_PORT: port, USHER: binary, SITE_PASSWORD: PASSWORD } = process.env;

const AT_PROVIDER = /^https:\/\/idp\.other\.test[:/]/;
const PENDING = /^__Host-usher-p-/;

// --- what usher says ---------------------------------------------------------------------------------------------------
const usher = (command) => execFileSync(binary, [...command.split(' '), '-c', `${dir}/usher.yaml`], { encoding: 'utf8' });
const rows = (command) => JSON.parse(usher(`${command} --format json`)).rows;

// The events of the log, newest last.
const events = () => rows('log show');

// How many sessions are open, all people together.
const sessions = () => rows('session list').length;

// How many logins were accepted so far.
const accepted = () => events().filter((e) => e.event === 'login.accepted').length;

// --- the ways people take ----------------------------------------------------------------------------------------------

// Everybody who came since the last test began.
let visitors = [];

// One TAP line. Whoever visited for it leaves afterwards, and nothing may have broken in the browser meanwhile: no error of
// a script, nothing against a Content-Security-Policy. Where that is what the test is about, it empties page.problems.
async function test(name, fn) {
	visitors = [];
	await tap(name, async () => {
		try {
			await fn();
		} catch (error) {
			for (const page of visitors) error.stack += `\n    a visitor was at ${page.url().slice(0, 100)}`;
			throw error;
		}
		for (const page of visitors) assert.deepStrictEqual(page.problems, []);
	});
	for (const page of visitors) await page.context().close();
	visitors = [];
}

// A browser and the ways through the site: launch() of browser.js, and more.
async function open() {
	const web = await launch({ dir, certs, port });
	const { url } = web;

	async function visitor(options) {
		const page = await web.visitor(options);
		visitors.push(page);
		return page;
	}

	// Types an address into usher's one box.
	async function type(page, email) {
		await page.fill('#email', email);
		await page.keyboard.press('Enter');
	}

	async function typePassword(page, password = PASSWORD) {
		await page.waitForSelector('#password');
		await page.fill('#password', password);
		await page.keyboard.press('Enter');
	}

	// Fills in SimpleSAMLphp's form; `send` submits it.
	async function fillProvider(page, user) {
		await page.waitForURL(AT_PROVIDER);
		await page.fill('#username', user);
		await page.fill('#password', `${user}-secret`);
	}
	async function atProvider(page, user) {
		await fillProvider(page, user);
		await page.keyboard.press('Enter');
	}

	// Signs `user` of the identity provider in to an application, in this page.
	async function signIn(page, user, host = 'wiki', at = '/') {
		await page.goto(url(host, at));
		await type(page, `${user}@usher.test`);
		await atProvider(page, user);
		await page.waitForURL(url(host, at));
		return page;
	}

	// A Response to a request of this page's browser, as the form that the identity provider's page would post; it never
	// reaches usher. The page stays at the identity provider.
	async function unspent(page, user, at = '/') {
		let body;
		const acs = url('login', '/saml/acs');
		await page.route(acs, (route) => {
			body = route.request().postData();
			return route.abort();
		});
		await page.goto(url('wiki', at));
		await type(page, `${user}@usher.test`);
		await fillProvider(page, user);
		await Promise.all([page.waitForEvent('requestfailed', (r) => r.url() === acs), page.keyboard.press('Enter')]);
		await page.unroute(acs);
		return body;
	}

	// On a page of the identity provider's site: a form that posts `body` to the assertion consumer service, not sent yet.
	async function responseForm(page, body) {
		await page.goto(url('idp', '/simplesamlphp/resources/post.css'));
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
		}, { action: url('login', '/saml/acs'), fields: [...new URLSearchParams(body)] });
	}

	// Posts a Response from the identity provider's site.
	async function post(page, body) {
		await responseForm(page, body);
		await page.evaluate(() => document.querySelector('form').submit());
		await page.waitForURL((u) => u.hostname !== HOSTS.idp);
	}

	// Somebody who has this page's session of one host and tries it at another; resolves to their page there.
	async function thief(page, from, at) {
		const { name, value } = (await cookies(page, url(from)))['__Host-usher'];
		const other = await visitor();
		await other.context().addCookies([{ name, value, url: url(at), secure: true, httpOnly: true, sameSite: 'Lax' }]);
		await other.goto(url(at));
		return other;
	}

	return { ...web, visitor, thief, type, typePassword, fillProvider, atProvider, signIn, unspent, responseForm, post };
}

// --- what is seen ------------------------------------------------------------------------------------------------------

// What the application behind nginx got.
const echoed = async (page) => JSON.parse(await page.textContent('#echo'));

// A request without a browser, with any headers. Resolves to { status, body, headers }.
function raw(host, at, headers = {}) {
	const options = { host: '127.0.0.1', port, path: at, servername: HOSTS[host], ca: fs.readFileSync(`${certs}/ca.pem`), agent: false,
		headers: { Host: `${HOSTS[host]}:${port}`, ...headers } };
	return new Promise((resolve, reject) => {
		https.get(options, (res) => {
			let body = '';
			res.setEncoding('utf8').on('data', (more) => { body += more; });
			res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body }));
			res.on('error', reject);
		}).on('error', reject);
	});
}

// The error code that the log has under the number on this page.
async function pageError(page) {
	const number = await page.textContent('#request-id');
	const found = events().filter((e) => e.request === number);
	assert.strictEqual(found.length, 1, `events of ${number}`);
	return found[0].error;
}

// The page is a refusal with this code in the log, and says so to a person who can go on from here.
async function refusedPage(page, code, { again = true } = {}) {
	assert.strictEqual(await pageError(page), code);
	assert.ok((await page.textContent('#error')).length > 10);
	assert.strictEqual(await page.locator('#again').count(), again ? 1 : 0);
	// nothing goes on by itself
	assert.strictEqual(await page.locator('script, meta[http-equiv]').count(), 0);
}

module.exports = { open, test, assert, events, sessions, accepted, echoed, cookies, raw, pageError, refusedPage, PASSWORD, PENDING, AT_PROVIDER };
