// mutant-login.js - mutants.t: what comes of one login through the usher that runs, one word a line:
//
//   cookie  "fits", or what checkPending() of login.t says
//   login   "arrived", or the error code of the page it ended at
//   thief   "refused" or "let in": the wiki's session at crm; only if the login arrived
'use strict';
const { open, pageError } = require('./site.js');
const { Client, fields } = require('./client.js');
const { checkPending } = require('./set-cookie.js');

async function pendingCookie(site) {
	const client = new Client(process.env.USHER_PORT);
	const page = await client.get(site.url('login', '/login'));
	const reply = await client.post(site.url('login', '/login'), { ...fields(page.body), email: 'zoe@usher.test' });
	if (reply.status !== 303) return `status ${reply.status}`;
	try {
		checkPending(reply.headers);
		return 'fits';
	} catch (error) {
		return `differs: ${error.actual}`;
	}
}

async function login(site) {
	const page = await site.visitor();
	await page.goto(site.url('wiki'));
	await site.type(page, 'zoe@usher.test');
	await site.atProvider(page, 'zoe');
	await page.waitForSelector('#echo, #error');
	if (await page.locator('#error').count()) return console.log(`login: ${await pageError(page)}`);
	console.log('login: arrived');
	const other = await site.thief(page, 'wiki', 'crm');
	console.log(`thief: ${await other.locator('#echo').count() ? 'let in' : 'refused'}`);
}

async function main() {
	const site = await open();
	try {
		console.log(`cookie: ${await pendingCookie(site)}`);
		await login(site);
	} finally {
		await site.close();
	}
}

main().catch((error) => {
	console.error(error.stack);
	process.exit(1);
});
