// What start.js needs from npm, packed by build.mjs and found there as `window.ide`.
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./bundle.css";

export { createElement } from "react";
export { createRoot } from "react-dom/client";
export { GraphiQL } from "graphiql";
export { explorerPlugin } from "@graphiql/plugin-explorer";
export { createClient } from "graphql-ws";
