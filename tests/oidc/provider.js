// An OpenID Connect provider for the tests: it signs in whoever the header x-user names, and asks nothing.
import { Provider } from 'oidc-provider'

const [port, ...callbacks] = process.argv.slice(2)
const users = new Map()
const shown = (name) => ({
  client_id: name,
  client_secret: `${name}-secret-of-thirty-two-characters`,
  redirect_uris: callbacks,
  token_endpoint_auth_method: 'client_secret_basic',
})
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [shown('jazzaam'), shown('somebody-else')],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: process.env.CLAIMS_IN !== 'id_token',
  cookies: { keys: ['of the tests alone'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...users.get(id) }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
})

provider.use(async (ctx, next) => {
  if (ctx.method === 'PUT' && ctx.path.startsWith('/users/')) {
    const chunks = []
    for await (const chunk of ctx.req) chunks.push(chunk)
    users.set(ctx.path.slice(7), JSON.parse(Buffer.concat(chunks)))
    ctx.status = 204
    return
  }
  if (!ctx.path.startsWith('/interaction/')) return next()
  const details = await provider.interactionDetails(ctx.req, ctx.res)
  if (ctx.get('x-user') === 'nobody') {
    const refused = { error: 'access_denied', error_description: 'no' }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, refused))
    return
  }
  const accountId = details.session?.accountId ?? ctx.get('x-user')
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id })
  grant.addOIDCScope(details.params.scope)
  const result = { login: { accountId }, consent: { grantId: await grant.save() } }
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result))
})
provider.listen(Number(port), '127.0.0.1')
