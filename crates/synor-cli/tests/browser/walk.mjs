// Walks every page in Chromium, as a customer and as an admin, in a wide and in a phone's window: each
// must answer, keep to its width, break no rule of accessibility, and load nothing that the policy
// forbids. Then an invoice is paid by the command line while its page is watched.
//
// The test in `../e2e/browser.rs` says by environment where everything is.

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const run = promisify(execFile);

const { SYNOR_URL, SYNOR_BIN, CHROMIUM, CUSTOMER_KEY, ADMIN_KEY, ACCOUNT, PAID_INVOICE, OPEN_INVOICE, MONTH, SHOTS } =
  process.env;
const WINDOWS = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const CUSTOMER = {
  overview: "/overview",
  month: `/overview?month=${MONTH}`,
  usage: `/usage?period=${MONTH}`,
  compared: `/usage?period=${MONTH}&meter=network.requests&group=provider&compare=before`,
  invoices: "/invoices",
  invoice: `/invoices/${PAID_INVOICE}`,
  receipt: `/invoices/${PAID_INVOICE}/pay`,
  pay: `/invoices/${OPEN_INVOICE}/pay`,
  credits: "/credits",
  calculator: "/calculator",
  priced: "/calculator?storage=500GB&bandwidth=2000GB&requests=30M&plan=standard",
};
const ADMIN = {
  today: "/admin",
  accounts: "/admin/accounts",
  "all-invoices": `/admin/invoices?period=${MONTH}`,
  prices: "/admin/prices",
  close: "/admin/close",
  journal: "/admin/journal",
  "an-account": `/overview?account=${ACCOUNT}&month=${MONTH}`,
};

const wrong = [];
const note = (where, what) => wrong.push(`${where}: ${what}`);

async function signIn(context, key) {
  const page = await context.newPage();
  await page.goto(`${SYNOR_URL}/signin`);
  await check(page, "sign-in");
  await page.fill("#key", key);
  await page.click("main button");
  await page.waitForURL((url) => !url.pathname.startsWith("/signin"));
  return page;
}

// What holds for every page.
async function check(page, where) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) note(where, `the page is ${wide} px wider than its window`);
  const lines = await page.evaluate(() => {
    const broken = (el) => el.offsetHeight > 1.9 * parseFloat(getComputedStyle(el).lineHeight);
    return [...document.querySelectorAll("span.money")].filter(broken).length;
  });
  if (lines) note(where, `${lines} amounts wrap`);
  const { violations } = await page.evaluate(async () => await window.axe.run());
  for (const { id, help, nodes } of violations)
    note(where, `${id}: ${help} (${nodes.length}, first ${nodes[0].html.slice(0, 120)})`);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${where.replaceAll(" ", "-")}.png`, fullPage: true });
}

async function walk(context, page, places, name) {
  for (const [place, path] of Object.entries(places)) {
    const where = `${place} ${name}`;
    const answer = await page.goto(SYNOR_URL + path);
    if (answer.status() !== 200) note(where, `status ${answer.status()}`);
    await check(page, where);
  }
}

async function open(browser, viewport, scheme, script = true) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, javaScriptEnabled: script });
  if (script) await context.addInitScript(axe);
  context.on("weberror", (error) => note("script", error.error().message));
  context.on("console", (said) => { if (said.type() === "error") note("console", said.text()); });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(SYNOR_URL) && !url.startsWith("data:")) note("network", `asks ${url}`);
  });
  return context;
}

// Paying by the command line is seen by the page without touching it.
async function pay(page) {
  await page.goto(`${SYNOR_URL}/invoices/${OPEN_INVOICE}/pay`);
  await page.waitForSelector("text=Waiting for the transfer");
  const paying = run(SYNOR_BIN, ["billing", "pay", OPEN_INVOICE]);
  await page.waitForSelector("text=Transfer seen", { timeout: 30_000 });
  await page.waitForSelector("#walk li.done:nth-child(3)", { timeout: 60_000 });
  await paying;
  await check(page, "paid wide");
  await page.goto(`${SYNOR_URL}/invoices/${OPEN_INVOICE}`);
  await page.waitForSelector(".sub .state.paid");
}

// The price follows what one types, and the address what one sees.
async function calculate(page) {
  await page.goto(`${SYNOR_URL}/calculator`);
  await page.fill("#f-storage", "500GB");
  // 500 GB-months at 0.02.
  await page.waitForSelector("#price .big:has-text('10.00')");
  await page.waitForURL(/storage=500GB/);
  await page.fill("#f-storage", "much");
  await page.waitForSelector("#price [role=alert]:has-text('much')");
}

// A chart says its values to the keyboard, and an invoice its working.
async function explore(page) {
  await page.goto(`${SYNOR_URL}/overview?month=${MONTH}`);
  const mark = page.locator("svg.chart .mark").first();
  await mark.focus();
  if (!(await mark.locator(".tip").isVisible())) note("overview", "a focused bar does not say its values");
  await page.goto(`${SYNOR_URL}/invoices/${PAID_INVOICE}`);
  const explain = page.locator("summary", { hasText: "Explain" }).first();
  await explain.focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("details[open] >> text=Rounded once");
  await check(page, "explained wide");
}

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  for (const [name, viewport] of Object.entries(WINDOWS)) {
    const scheme = name === "wide" ? "light" : "dark";
    for (const [key, places] of [[CUSTOMER_KEY, CUSTOMER], [ADMIN_KEY, ADMIN]]) {
      const context = await open(browser, viewport, scheme);
      const page = await signIn(context, key);
      await walk(context, page, places, name);
      if (name === "wide" && key === CUSTOMER_KEY) {
        await explore(page);
        await calculate(page);
      }
      await context.close();
    }
  }
  // Without a script the form of the calculator is sent, and the answer is the same.
  const plain = await open(browser, WINDOWS.wide, "light", false);
  const page = await plain.newPage();
  await page.goto(`${SYNOR_URL}/signin`);
  await page.fill("#key", CUSTOMER_KEY);
  await page.click("main button");
  await page.goto(`${SYNOR_URL}/calculator`);
  await page.fill("#f-storage", "500GB");
  await page.click("form[data-live] button");
  await page.waitForSelector("#price .big:has-text('10.00')");
  await plain.close();

  const last = await open(browser, WINDOWS.wide, "light");
  await pay(await signIn(last, CUSTOMER_KEY));
} catch (error) {
  note("walk", error.message);
} finally {
  await browser.close();
}
for (const line of wrong) console.error(line);
console.log(`${Object.keys(CUSTOMER).length + Object.keys(ADMIN).length} pages in ${Object.keys(WINDOWS).length} windows`);
process.exit(wrong.length ? 1 : 0);
