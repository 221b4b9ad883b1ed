// browser-checks.js - what browser.t runs, in one browser: each file below has checks of one kind.
'use strict';
const { open } = require('./site.js');
const { done } = require('./tap.js');

async function main() {
	const site = await open();
	try {
		for (const part of ['login', 'trouble', 'pages']) await require(`./browser-${part}.js`).run(site);
	} finally {
		await site.close();
	}
	done();
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
