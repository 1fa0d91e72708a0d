// The same with the Azure SDK for JavaScript.
import * as identity from '@azure/identity';

const [, , credential, resource, address, times, seconds] = process.argv;
const client = new identity[credential]();
const failures = [];
const tokens = new Set();
const who = new Set();
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
for (let n = 0; n < Number(times); n += 1) {
  try {
    const { token } = await client.getToken(`${resource}/.default`);
    const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    tokens.add(token);
    who.add(claims(token).client_id);
  } catch (error) {
    failures.push(String(error).slice(0, 600));
  }
  await new Promise((done) => setTimeout(done, Number(seconds) * 1000));
}
console.log(JSON.stringify({ tokens: tokens.size, who: [...who], failures }));
