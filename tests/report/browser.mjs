// The report's pages in headless Chromium, from files and without network: axe-core's rules in both themes and at two widths,
// nothing asked of a network, nothing wider than the screen, no text over its box, the filter and the order of the fleet's table.
//
//   node browser.mjs SITE [--shots DIR] [--time]
//
// SITE is a directory that `tenantry report --html` wrote. --shots writes pictures; --time prints how long pages take to open.
import { readFileSync, readdirSync, mkdirSync, mkdtempSync, rmSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const site = resolve(process.argv[2]);
const option = (name) => process.argv.indexOf(name);
const shots = option("--shots") > 0 ? resolve(process.argv[option("--shots") + 1]) : undefined;
const browserPath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const profile = mkdtempSync(join(tmpdir(), "tenantry-report-"));
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const context = await chromium.launchPersistentContext(profile, { executablePath: browserPath, headless: true, args: quiet });
const tenants = readdirSync(join(site, "tenants")).filter((name) => name.endsWith(".html")).sort();
// Of many tenants the first two: pages of one template.
const pages = ["index.html", ...tenants.slice(0, 2).map((name) => `tenants/${name}`)];
const wrong = [];
const page = await context.newPage();
page.on("request", (request) => {
  if (!/^(file|data):/.test(request.url())) wrong.push(`${page.url()} asks for ${request.url()}`);
});
page.on("console", (message) => message.type() === "error" && wrong.push(`${page.url()}: ${message.text()}`));
page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error}`));
if (shots) mkdirSync(shots, { recursive: true });
for (const path of pages) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto(pathToFileURL(join(site, path)).href);
      const where = `${path}, ${scheme}, ${width} px`;
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) wrong.push(`${where}: ${wide} px wider than the screen`);
      const over = await page.$$eval("main svg", (drawings) => drawings.flatMap((drawing) =>
        [...drawing.querySelectorAll("text")].flatMap((text) => {
          const box = text.parentElement.querySelector(":scope > .box") ?? drawing;
          const [outer, inner] = [box, text].map((one) => one.getBoundingClientRect());
          return inner.right > outer.right + 0.5 || inner.bottom > outer.bottom + 0.5 ? [text.textContent] : [];
        })));
      if (over.length > 0) wrong.push(`${where}: texts that run over their boxes: ${over.slice(0, 5).join(", ")}`);
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"], preload: false }));
      for (const { id, help, nodes } of found.violations) {
        wrong.push(`${where}: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
      }
      if (shots) await page.screenshot({ path: join(shots, `${path.replaceAll("/", "-")}-${scheme}-${width}.png`), fullPage: true });
    }
  }
}
// Keyboard alone: a filter and an order.
await page.goto(pathToFileURL(join(site, "index.html")).href);
const name = tenants.at(-1).replace(".html", "");
await page.focus("#words");
await page.keyboard.type(name);
const shown = await page.$$eval("#fleet tbody tr:not([hidden]) th", (cells) => cells.map((cell) => cell.textContent));
if (!shown.includes(name)) wrong.push(`the filter \`${name}\` shows ${shown}`);
await page.fill("#words", "");
const heads = await page.$$("#fleet thead button");
await heads.at(-1).focus();
for (const order of ["ascending", "descending"]) {
  await page.keyboard.press("Enter");
  const values = await page.$$eval("#fleet tbody tr", (rows) => rows.map((row) => Number(row.lastElementChild.dataset.value)));
  const sorted = [...values].sort((a, b) => (order === "ascending" ? a - b : b - a));
  if (values.join() !== sorted.join()) wrong.push(`the table is not sorted: ${order}: ${values.slice(0, 9)}`);
}
if (option("--time") > 0) {
  for (const path of pages.slice(0, 2)) {
    const times = [];
    for (let round = 0; round < 5; round++) {
      await page.goto("about:blank");
      const began = performance.now();
      await page.goto(pathToFileURL(join(site, path)).href, { waitUntil: "load" });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      times.push(Math.round(performance.now() - began));
    }
    console.log(`${path}: open and drawn after ${times.sort((a, b) => a - b)[2]} ms (median of ${times.join(", ")})`);
  }
}
await context.close();
rmSync(profile, { recursive: true, force: true });
if (wrong.length > 0) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
console.log(`${pages.length} of ${tenants.length + 1} pages: no violation in 2 themes at 2 widths, no request, filter and order by keyboard`);
