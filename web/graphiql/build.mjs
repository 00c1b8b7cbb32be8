// Rebuilds graphiql.js, graphiql.css and LICENCES.txt from npm: `npm ci && npm run build` in this folder.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const banner = "/*! GraphiQL and what it needs, packed by build.mjs; whose work it is: LICENCES.txt */";

const withoutFonts = {
  name: "without-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    }));
  },
};

const { metafile } = await build({
  entryPoints: { graphiql: "bundle.js" },
  outdir: ".",
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  globalName: "ide",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: banner, css: banner },
  define: { "process.env.NODE_ENV": '"production"' },
  alias: { "react-style-singleton": "./no-styles.js" },
  plugins: [withoutFonts],
});

// These packages hold no licence text; their sister, by the same authors under the same licence, does.
const sister = {
  "@graphiql/plugin-doc-explorer": "graphiql",
  "@graphiql/plugin-explorer": "graphiql",
  "@graphiql/plugin-history": "graphiql",
  "react-compiler-runtime": "react",
  "react-remove-scroll-bar": "react-remove-scroll",
  "toggle-selection": "copy-to-clipboard",
};

const textOf = (folder) =>
  readdirSync(folder)
    .filter((name) => /^(licen[cs]e|notice|copyrightnotice|thirdpartynotices)/i.test(name))
    .sort()
    .map((name) => readFileSync(`${folder}/${name}`, "utf8").replace(/\r\n/g, "\n").replace(/[ \t]+$/gm, "").trim())
    .join("\n\n");

const folders = new Set();
for (const { inputs } of Object.values(metafile.outputs)) {
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const folder = file.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0];
    if (folder && bytesInOutput > 0) folders.add(folder);
  }
}

const worksByText = new Map();
for (const folder of [...folders].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const text = textOf(folder) || (sister[name] && textOf(`node_modules/${sister[name]}`));
  if (!text) throw new Error(`${name} ${version} holds no licence text`);
  worksByText.set(text, [...(worksByText.get(text) ?? []), `${name} ${version} (${license})`]);
}
writeFileSync(
  "LICENCES.txt",
  "graphiql.js and graphiql.css are packed from these works, each under the licence that follows its name.\n\n" +
    [...worksByText].map(([text, works]) => `${"-".repeat(80)}\n${works.join("\n")}\n\n${text}\n`).join("\n"),
);
