// Starts GraphiQL on the page that api/ide.py writes. No build step: edit and reload.

const { GraphiQL, createClient, createElement, createRoot, explorerPlugin } = window.ide;

const endpoint = location.origin + location.pathname;

// "<staffLogin.token>" in a header or a variable stands for what the last answer to staffLogin held there.
const PLACEHOLDER = /<(\w+(?:\.\w+)+)>/g;
const ANSWERS = "xiaoka:answers";
const answers = JSON.parse(sessionStorage.getItem(ANSWERS) ?? "{}");

function remember(data) {
  Object.assign(answers, data);
  sessionStorage.setItem(ANSWERS, JSON.stringify(answers));
}

function filled(template) {
  const missing = new Set();
  const fill = (_, value) =>
    typeof value !== "string"
      ? value
      : value.replace(PLACEHOLDER, (placeholder, path) => {
          const found = path.split(".").reduce((part, name) => part?.[name], answers);
          if (found == null) missing.add(path);
          return found ?? placeholder;
        });
  const value = JSON.parse(JSON.stringify(template ?? {}, fill));
  return { value, missing: [...missing] };
}

const failure = (message) => ({ errors: [{ message }] });

async function ask(params, headers) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return failure(`HTTP ${response.status}: ${text || response.statusText}`);
  }
}

// A browser cannot set headers on a websocket: what the server reads of them goes into connection_init.
const INIT_NAMES = { authorization: "authorization", "x-shop": "shop", "accept-language": "language" };

function connectionParams(headers) {
  const known = Object.entries(headers).filter(([name]) => name.toLowerCase() in INIT_NAMES);
  return Object.fromEntries(known.map(([name, value]) => [INIT_NAMES[name.toLowerCase()], value]));
}

function watch(params, headers) {
  const client = createClient({
    url: endpoint.replace(/^http/, "ws"),
    connectionParams: connectionParams(headers),
    // From 4000 on the server has said why, and asking again would only hide it.
    shouldRetry: ({ code }) => code < 4000,
  });
  return {
    subscribe(sink) {
      const fail = (reason) => {
        const why = reason.code ? `${reason.code} ${reason.reason}` : (reason.message ?? "no connection");
        sink.next(Array.isArray(reason) ? { errors: reason } : failure(`The websocket closed: ${why}`));
        sink.complete();
      };
      const end = client.subscribe(params, { next: sink.next, error: fail, complete: sink.complete });
      return { unsubscribe: end };
    },
  };
}

function isSubscription(document, name) {
  return document?.definitions.some(
    (one) => one.operation === "subscription" && (!name || one.name?.value === name),
  );
}

async function fetcher(params, { headers, documentAST } = {}) {
  const header = filled(headers);
  if (params.operationName === "IntrospectionQuery") {
    const known = Object.entries(header.value).filter(([, value]) => String(value).search(PLACEHOLDER) < 0);
    return ask(params, Object.fromEntries(known));
  }
  const variable = filled(params.variables);
  const [missing] = [...header.missing, ...variable.missing];
  if (missing) return failure(`Run ${missing.split(".")[0]} first: its answer gives <${missing}>.`);
  const ready = { ...params, variables: variable.value };
  if (isSubscription(documentAST, params.operationName)) return watch(ready, header.value);
  const answer = await ask(ready, header.value);
  remember(answer.data);
  return answer;
}

const examples = await (await fetch(new URL("examples.json", import.meta.url))).json();

// Kept per browser tab and gone with it, because headers hold tokens. GraphiQL shows a first default tab without its
// variables and headers unless they are stored.
if (!sessionStorage.getItem("graphiql:tabState")) {
  for (const [part, text] of Object.entries(examples[0] ?? {})) sessionStorage.setItem(`graphiql:${part}`, text ?? "");
}

createRoot(document.getElementById("ide")).render(
  createElement(GraphiQL, {
    fetcher,
    defaultTabs: examples,
    plugins: [explorerPlugin()],
    shouldPersistHeaders: true,
    storage: sessionStorage,
  }),
);
