// A person with a browser (headless Chromium) who signs in where it is said.
//
// sign_in.mjs ADDRESS [CODE] [PICTURE]: enters the code, signs in as alice, consents; exits with 0
// once the page says that it is done.
import { chromium } from 'playwright-core';

const [, , address, code, picture] = process.argv;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP localhost 127.0.0.1'] });
const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
const done = /sign-in success|signed in|continue on your device/i;
let text = '';
try {
  await page.goto(address);
  for (let step = 0; step < 8; step += 1) {
    text = await page.innerText('body');
    if (done.test(text)) break;
    const codes = page.locator('input[name=user_code]:visible');
    if (code && await codes.count() && !await codes.inputValue()) await codes.fill(code);
    const login = page.locator('input[name=login]');
    if (await login.count()) {
      await login.fill('alice');
      await page.locator('input[name=password]').fill('x');
    }
    await Promise.all([page.waitForNavigation(), page.locator('button[type=submit]').first().click()]);
  }
  if (picture) await page.screenshot({ path: picture });
} finally {
  await browser.close();
}
if (!done.test(text)) {
  console.error(`not signed in: ${text.slice(0, 400)}`);
  process.exit(1);
}
