// Drops from the CSS on standard input what pages of ours never use: variants of NHS.UK frontend for other headers and
// dark backgrounds. Needs purgecss in the npm folder that NODE_PATH names.
const { PurgeCSS } = require("purgecss");

const UNUSED = [
  /--(reverse|white|feature|clickable|primary|secondary-solid|login|brand|numbered|organisation)/,
  /^nhsuk-header(__(navigation|search|menu|organisation)|--(white|organisation))/,
  /^nhsuk-footer__(list|navigation|heading)/,
  /^nhsuk-pagination__(item|list)/,
  /^nhsuk-table(-responsive|__panel|__heading-tab)/,
  /^nhsuk-(input__|scroll|image|link-image)/,
  /^nhsuk-u-(static|(padding|margin)-(left|right)|(one|two|three)-)/,
];

const css = require("node:fs").readFileSync(0, "utf8");
const kept = [...new Set(css.match(/[a-zA-Z_][\w-]*/g))].filter((name) => !UNUSED.some((one) => one.test(name)));
new PurgeCSS()
  .purge({ css: [{ raw: css }], content: [{ raw: kept.join(" "), extension: "html" }] })
  .then(([trimmed]) => process.stdout.write(trimmed.css));
