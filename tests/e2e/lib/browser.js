// browser.js - Debian's headless Chromium through playwright-core, on real sites below .test.
//
// Every *.test name leads to 127.0.0.1, and the development CA is trusted in a private HOME, so that cookies behave as
// on the Internet: on bare loopback SameSite is not exercised at all, as ports do not make sites.
//
//   const web = await launch({ dir, certs, port });
//   const page = await web.visitor();            // a new person: own cookies
//   await page.goto(web.url('wiki', '/path'));
//   await web.close();
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const HOSTS = { login: 'login.usher.test', wiki: 'wiki.usher.test', crm: 'crm.usher.test', idp: 'idp.other.test' };
const TIMEOUT_MS = 20000;

function executable() {
	const names = ['/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];
	return process.env.CHROMIUM || names.find((name) => fs.existsSync(name));
}

// Why no browser can be started here, or null.
function unavailable() {
	if (!executable()) return 'chromium-headless-shell is not installed';
	try {
		require.resolve('playwright-core');
	} catch {
		return 'npm packages are not installed (tests/tools/npm.sh)';
	}
	return null;
}

// A HOME of its own, in which NSS trusts the CA.
function makeHome(dir, ca) {
	const home = path.join(dir, 'home');
	const db = path.join(home, '.pki', 'nssdb');
	if (fs.existsSync(path.join(db, 'cert9.db'))) return home; // of an earlier launch() in the same folder
	fs.mkdirSync(db, { recursive: true, mode: 0o700 });
	// certutil asks for ever if it wants something from a terminal that is not there
	const certutil = (...args) => execFileSync('certutil', ['-d', `sql:${db}`, ...args], { stdio: ['ignore', 'ignore', 'inherit'], timeout: TIMEOUT_MS });
	certutil('-N', '--empty-password');
	certutil('-A', '-t', 'C,,', '-n', 'usher-dev-ca', '-i', ca);
	return home;
}

async function launch({ dir, certs, port }) {
	const { chromium } = require('playwright-core');
	const home = makeHome(dir, path.join(certs, 'ca.pem'));
	const browser = await chromium.launch({
		executablePath: executable(),
		args: ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND', '--disable-background-networking'],
		env: { ...process.env, HOME: home },
		timeout: TIMEOUT_MS,
	});

	return {
		browser,
		// The URL of a path on one of our hosts.
		url: (host, at = '/') => `https://${HOSTS[host]}:${port}${at}`,
		// A page in a fresh context: no cookies, nothing cached. Options go to browser.newContext().
		async visitor(options = {}) {
			const context = await browser.newContext({ locale: 'en-US', ...options });
			context.setDefaultTimeout(TIMEOUT_MS);
			const page = await context.newPage();
			page.problems = [];
			page.on('pageerror', (error) => page.problems.push(String(error)));
			page.on('console', (line) => {
				// what Chromium complains about by itself, a broken Content-Security-Policy above all
				if (line.type() === 'error' && !/favicon|status of [45]\d\d/.test(line.text() + line.location().url)) page.problems.push(line.text());
			});
			return page;
		},
		async close() {
			await browser.close();
		},
	};
}

// The cookies of one host by name: { value, sameSite, httpOnly, secure, path, domain, expires }.
async function cookies(page, url) {
	const all = {};
	for (const cookie of await page.context().cookies(url)) all[cookie.name] = cookie;
	return all;
}

// Accessibility problems that axe-core finds (WCAG 2.2 A and AA), one line each. It runs through the debugger, as our
// pages let no script in.
async function accessibility(page) {
	const source = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
	const session = await page.context().newCDPSession(page);
	const evaluate = async (expression) => {
		const reply = await session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
		if (reply.exceptionDetails) throw new Error(reply.exceptionDetails.exception.description);
		return reply.result.value;
	};
	await evaluate(source);
	const found = await evaluate(
		"axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })" +
			'.then((r) => r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target).join(" ")}`))');
	await session.detach();
	return found;
}

module.exports = { launch, executable, unavailable, cookies, accessibility, HOSTS };
