// A person's browser: opens the address, signs in, and looks at the page where that ends.
//
// sign_in.mjs ADDRESS; SIGN_IN_AS and SIGN_IN_WITH say who, SIGN_IN_SHOWN where to write what the last
// page shows, SIGN_IN_PICTURE where to keep a picture of it.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { chromium } = require(process.env.DAYFLY_TEST_PLAYWRIGHT);

const browser = process.env.SIGN_IN_DEVTOOLS
  ? await chromium.connectOverCDP(process.env.SIGN_IN_DEVTOOLS)
  : await chromium.launch({
      executablePath: process.env.DAYFLY_TEST_CHROMIUM,
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP localhost 127.0.0.1'],
    });
const page = process.env.SIGN_IN_DEVTOOLS
  ? browser.contexts()[0].pages()[0] ?? (await browser.contexts()[0].waitForEvent('page'))
  : await browser.newPage();
if (!process.env.SIGN_IN_DEVTOOLS) await page.goto(process.argv[2]);
await page.fill('#username', process.env.SIGN_IN_AS);
await page.fill('#password', process.env.SIGN_IN_WITH);
await page.click('button[type=submit], #submit_button, input[type=submit]');
await page.waitForSelector('h1:has-text("igned in")', { timeout: 30000 });
if (process.env.SIGN_IN_PICTURE) await page.screenshot({ path: process.env.SIGN_IN_PICTURE });
if (process.env.SIGN_IN_SHOWN) fs.writeFileSync(process.env.SIGN_IN_SHOWN, await page.innerText('body'));
await browser.close();
