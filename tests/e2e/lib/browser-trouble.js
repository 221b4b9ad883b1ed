const { echoed, cookies, raw, events, sessions, PASSWORD, AT_PROVIDER } = require('./site.js');
async function run(site) {
	const page = await site.visitor();
	page.on('request', (r) => { if (r.isNavigationRequest()) console.log('# >', r.method(), r.url().slice(0,140)); });
	page.on('framenavigated', (f) => console.log('# nav', f.url().slice(0,140)));
	await site.signIn(page, 'zoe', 'wiki', '/first');
	console.log('# --- back');
	for (let i = 0; i < 5; i++) {
	console.log('# back:', await page.goBack({ waitUntil: 'load' }).then((r) => r && r.status(), (e) => e.message.split('\n')[0]));
	await new Promise((r) => setTimeout(r, 1500));
	console.log('# at', page.url().slice(0, 140), (await page.textContent('body')).trim().slice(0, 300).replace(/\n/g,' '));
	}
}
module.exports = { run };
