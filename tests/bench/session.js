// session.js USHER-PORT LOGIN-URL APP-HOST EMAIL PASSWORD: signs in by password, enters the application, and prints the value of
// the session cookie there.
'use strict';
const { Client, fields } = require('../e2e/lib/client.js');

async function main([port, login, app, email, password]) {
	const c = new Client(port);
	const expect = (r, status) => {
		if (r.status !== status) throw new Error(`${r.status} instead of ${status}: ${r.body}`);
		return r;
	};
	let page = expect(await c.get(`${login}/login`), 200);
	page = expect(await c.post(`${login}/login`, { ...fields(page.body), email }), 200);
	expect(await c.post(`${login}/login/password`, { ...fields(page.body), email, password }), 303);
	let r = expect(await c.get(`https://${app}/.usher/start?rd=/`), 303);
	r = expect(await c.get(r.location), 303);
	expect(await c.get(r.location), 303);
	console.log(c.jar(app).get('__Host-usher'));
}

main(process.argv.slice(2)).catch((error) => {
	console.error(error.message);
	process.exit(1);
});
