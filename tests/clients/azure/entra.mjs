// A real OpenID provider (npm oidc-provider) on loopback, over TLS, at the addresses of Entra ID and
// with its scopes, its error codes and a resource manager beside it. What is Entra's own is said
// here: everything else (device codes, refresh tokens that are used once, signatures) is the
// provider's.
//
// entra.mjs FOLDER SECONDS: key.pem and cert.pem are in the folder; access tokens live so long.
// Prints its port, and one without TLS where a test asks what it wants to know or to happen.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import * as jose from 'jose';
import Provider from 'oidc-provider';

// The standard output is for the ports alone: nobody reads it afterwards.
console.log = console.error;
console.info = console.error;

const [, , folder, seconds] = process.argv;
const TENANT = '11111111-1111-1111-1111-111111111111';
const APP = '22222222-2222-2222-2222-222222222222';
const CLI = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const read = (name) => fs.readFileSync(path.join(folder, name));

const server = https.createServer({ key: read('key.pem'), cert: read('cert.pem') });
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address();
const origin = `https://localhost:${port}`;
const issuer = `${origin}/${TENANT}/v2.0`;

// What tokens can be for. Entra knows a resource with and without a slash at its end.
const resources = [origin, `${origin}/`, 'https://vault.azure.net', 'https://management.core.windows.net/', 'https://management.azure.com', 'https://sts.amazonaws.com'];
const signing = await jose.generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await jose.exportJWK(signing.privateKey)), alg: 'RS256', use: 'sig', kid: 'entra' };
const jwks = fs.existsSync(path.join(folder, 'app.jwk'))
  ? { keys: [JSON.parse(read('app.jwk'))] } : undefined;

const state = { calls: [], secrets: [], fault: null, lifetime: Number(seconds), subscriptions: [
  { subscriptionId: 'aaaaaaaa-0000-0000-0000-000000000001', displayName: 'Production', state: 'Enabled', tenantId: TENANT },
  { subscriptionId: 'aaaaaaaa-0000-0000-0000-000000000002', displayName: 'Development', state: 'Enabled', tenantId: TENANT },
  { subscriptionId: 'aaaaaaaa-0000-0000-0000-000000000003', displayName: 'Gone', state: 'Disabled', tenantId: TENANT },
].map((one) => ({ id: `/subscriptions/${one.subscriptionId}`, ...one })) };

const base = { response_types: [], redirect_uris: [] };
const native = { ...base, application_type: 'native', token_endpoint_auth_method: 'none' };
const provider = new Provider(issuer, {
  scopes: ['openid', 'offline_access', 'profile'],
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'oid', 'tid', 'preferred_username'] },
  // The Azure CLI reads the tenant out of an access token.
  extraTokenClaims: async () => ({ tid: TENANT }),
  jwks: { keys: [jwk] },
  clients: [
    { ...base, client_id: APP, client_secret: 's3cr3t-of-the-application', grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post' },
    ...(jwks ? [{ ...base, client_id: '33333333-3333-3333-3333-333333333333', jwks, grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' }] : []),
    { ...native, client_id: CLI, redirect_uris: ['http://localhost'], response_types: ['code'], grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code', 'refresh_token'] },
  ],
  enabledJWA: { clientAuthSigningAlgValues: ['PS256', 'RS256'] },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => {
        if (!resources.includes(resource)) throw Object.assign(new Error('invalid_target'), { error: 'invalid_resource', expose: true, status: 400 });
        return { scope: '.default', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: state.lifetime, jwt: { sign: { alg: 'RS256' } } };
      },
    },
  },
  routes: {
    token: `/${TENANT}/oauth2/v2.0/token`,
    device_authorization: `/${TENANT}/oauth2/v2.0/devicecode`,
    authorization: `/${TENANT}/oauth2/v2.0/authorize`,
    code_verification: '/devicelogin',
  },
  ttl: { DeviceCode: 600, Grant: 86400, RefreshToken: 86400, Session: 86400, Interaction: 600 },
  issueRefreshToken: async () => true,
  findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, oid: id, tid: TENANT, preferred_username: `${id}@example.com` }) }),
  clientBasedCORS: () => false,
});
// A workload's token is used again and again, as Entra allows.
provider.ReplayDetection.unique = async () => true;

// The numbers that Entra gives to what went wrong.
const numbers = {
  invalid_client: [7000215, 'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.'],
  invalid_grant: [700082, 'The refresh token has expired due to inactivity or was revoked.'],
  unauthorized_client: [700016, 'Application was not found in the directory.'],
  invalid_resource: [500011, 'The resource principal was not found in the tenant.'],
};
const ids = { trace_id: 'aaaaaaaa-trace', correlation_id: 'bbbbbbbb-correlation' };
const entra = (error, description) => {
  const [number, words] = numbers[error] ?? [0, description];
  return {
    error,
    ...(number ? { error_codes: [number], error_description: `AADSTS${number}: ${words} Trace ID: ${ids.trace_id} Correlation ID: ${ids.correlation_id}` } : { error_description: description }),
    ...ids,
  };
};
provider.use(async (ctx, next) => {
  await next();
  for (const name of ['access_token', 'refresh_token', 'id_token', 'device_code']) {
    if (ctx.body?.[name]) state.secrets.push(ctx.body[name]);
  }
  if (ctx.path.endsWith('/devicecode') && ctx.body?.user_code) {
    // Entra tells no address with the code in it, but a message.
    const { verification_uri_complete: _, ...body } = ctx.body;
    ctx.body = { ...body, message: `To sign in, open ${body.verification_uri} and enter the code ${body.user_code}.` };
  } else if (ctx.body?.error && ctx.path.includes('/oauth2/v2.0/')) {
    ctx.body = entra(ctx.body.error, ctx.body.error_description);
  }
});
const oidc = provider.callback();

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};
const body = (request) => new Promise((done) => {
  const parts = [];
  request.on('data', (part) => parts.push(part)).on('end', () => done(Buffer.concat(parts).toString()));
});

// An answer that the test wrote itself, and one without an end.
function raw(response, fault) {
  response.writeHead(fault.status ?? 200, { 'content-type': 'application/json', ...fault.headers });
  if (!fault.endless) return response.end(fault.raw);
  response.write(fault.raw ?? '');
  const more = () => { while (response.write(fault.endless.repeat(65536))); };
  response.on('drain', more);
  response.on('error', () => {});
  more();
}

// Asks the resource manager, as a client does: the signature, the audience and the end count.
async function manager(request, response, url) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  try {
    await jose.jwtVerify(token, signing.publicKey, { issuer, audience: resources });
  } catch (error) {
    return json(response, 401, { error: { code: 'InvalidAuthenticationToken', message: error.message } });
  }
  if (state.fault?.where === 'manager' && (state.fault.raw || state.fault.endless)) return raw(response, state.fault);
  if (state.fault?.where === 'manager') return json(response, state.fault.status, { error: { code: 'Fault', message: 'as the test wants' } }, { 'retry-after': '7' });
  const page = Number(url.searchParams.get('page') ?? 0);
  const two = state.subscriptions.slice(page * 2, page * 2 + 2);
  const more = state.subscriptions.length > page * 2 + 2;
  return json(response, 200, { value: two, ...(more ? { nextLink: `${origin}/subscriptions?api-version=2022-12-01&page=${page + 1}` } : {}) });
}

async function forTests(request, response, url) {
  const given = await body(request);
  if (url.pathname === '/_test/calls') return json(response, 200, state.calls);
  if (url.pathname === '/_test/secrets') return json(response, 200, state.secrets);
  if (url.pathname === '/_test/subscriptions') {
    state.subscriptions = state.subscriptions.filter((one) => one.displayName !== given);
    return json(response, 200, {});
  }
  if (url.pathname === '/_test/fault') {
    state.fault = given === '' ? null : JSON.parse(given);
    return json(response, 200, {});
  }
  if (url.pathname === '/_test/lifetime') {
    state.lifetime = Number(given);
    return json(response, 200, {});
  }
  if (url.pathname === '/_test/revoke') {
    // Every grant ends, and with it every refresh token.
    for (const grant of state.grants) await provider.RefreshToken.revokeByGrantId(grant);
    state.grants.clear();
    return json(response, 200, {});
  }
  return json(response, 404, {});
}
state.grants = new Set();
provider.on('refresh_token.saved', (token) => state.grants.add(token.grantId));
provider.on('server_error', (ctx, error) => console.error('server_error', error));

server.on('request', async (request, response) => {
  const url = new URL(request.url, origin);
  if (url.pathname.startsWith('/subscriptions')) return manager(request, response, url);
  // What `az cloud update` asks of a resource manager.
  if (url.pathname === '/metadata/endpoints') return json(response, 200, { name: 'AzureCloud', resourceManager: origin, authentication: { loginEndpoint: origin, audiences: ['https://management.core.windows.net/'], tenant: 'common', identityProvider: 'AAD' }, suffixes: {} });
  // Where MSAL looks for the endpoints of a tenant.
  if (url.pathname === `/${TENANT}/v2.0/.well-known/openid-configuration`) {
    request.url = '/.well-known/openid-configuration';
  }
  if (!url.pathname.includes('/oauth2/v2.0/')) return oidc(request, response);
  const tenant = url.pathname.split('/')[1];
  const fault = state.fault?.where === 'entra' ? state.fault : null;
  if (request.method === 'POST') {
    const form = new URLSearchParams(await body(request));
    state.calls.push({ path: url.pathname.split('/').pop(), grant: form.get('grant_type'), scope: form.get('scope'), client: form.get('client_id') });
    if (fault?.raw || fault?.endless) return raw(response, fault);
    if (fault?.drop) return request.socket.destroy();
    if (fault) return json(response, fault.status, fault.error ? { error: fault.error, error_codes: [fault.number], error_description: `AADSTS${fault.number}: ${fault.words ?? 'As the test wants.'}`, ...ids } : '<html>', { 'retry-after': '7', 'x-ms-request-id': 'cccccccc-header' });
    if (tenant !== TENANT) return json(response, 400, { error: 'invalid_request', error_codes: [90002], error_description: `AADSTS90002: Tenant '${tenant}' not found.`, ...ids });
    // Entra names resources in the scope; the provider as RFC 8707 has it. A sign-in is good for
    // every resource.
    const scopes = (form.get('scope') ?? '').split(' ').filter(Boolean);
    const wanted = scopes.filter((scope) => scope.endsWith('/.default')).map((scope) => scope.slice(0, -'/.default'.length));
    const others = scopes.filter((scope) => !scope.endsWith('/.default'));
    if (wanted.some((resource) => !resources.includes(resource))) return json(response, 400, entra('invalid_resource', ''));
    if (form.get('grant_type') === 'refresh_token' || form.get('grant_type') === 'client_credentials') {
      form.set('scope', [...others, '.default'].join(' '));
      for (const resource of wanted) form.append('resource', resource);
    } else if (url.pathname.endsWith('/devicecode')) {
      form.set('scope', [...others, '.default'].join(' '));
      for (const resource of resources) form.append('resource', resource);
    } else if (wanted.length === 0 && form.has('device_code')) {
      form.append('resource', resources[0]);
    }
    // As if somebody had read it already.
    request.body = form.toString();
    request.headers['content-length'] = String(Buffer.byteLength(request.body));
  } else {
    const scopes = (url.searchParams.get('scope') ?? '').split(' ').filter((scope) => scope && !scope.endsWith('/.default'));
    if (url.searchParams.has('scope')) {
      url.searchParams.set('scope', [...scopes, '.default'].join(' '));
      for (const resource of resources) url.searchParams.append('resource', resource);
      request.url = url.pathname + url.search;
    }
  }
  return oidc(request, response);
});
const control = http.createServer((request, response) => forTests(request, response, new URL(request.url, origin)));
await new Promise((done) => control.listen(0, '127.0.0.1', done));
process.stdout.write(`${port} ${control.address().port}\n`);
