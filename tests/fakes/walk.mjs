// Walks a headless browser through a page of a sign-in: opens ADDRESS, presses BUTTON, waits for
// WORDS on the page that comes, and prints that page's text. SHOT is where its picture goes.
//
//   node walk.mjs ADDRESS BUTTON WORDS [SHOT]
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const { chromium } = require(process.env.DAYFLY_TEST_PLAYWRIGHT);

const [address, button, words, shot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.DAYFLY_TEST_CHROMIUM,
  headless: true,
  // The tests of a bare machine run as root.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP localhost 127.0.0.1'],
});
try {
  const page = await browser.newPage();
  await page.goto(address);
  await page.click(button);
  await page.getByText(words).first().waitFor({ timeout: 60_000 });
  if (shot) await page.screenshot({ path: shot });
  console.log(await page.innerText('body'));
} finally {
  await browser.close();
}
