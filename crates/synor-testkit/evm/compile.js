// Compiles contracts/*.sol to out/NAME.json, each with the bytecode that deploys it.
const fs = require("fs");
const solc = require("solc");

const sources = {};
for (const file of fs.readdirSync("contracts")) {
  sources[file] = { content: fs.readFileSync(`contracts/${file}`, "utf8") };
}
const input = {
  language: "Solidity",
  sources,
  settings: {
    evmVersion: "paris",
    optimizer: { enabled: true },
    outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors || []).filter((error) => error.severity === "error");
if (errors.length > 0) {
  for (const error of errors) console.error(error.formattedMessage);
  process.exit(1);
}
fs.mkdirSync("out", { recursive: true });
for (const contracts of Object.values(output.contracts)) {
  for (const [name, contract] of Object.entries(contracts)) {
    const bytecode = "0x" + contract.evm.bytecode.object;
    fs.writeFileSync(`out/${name}.json`, JSON.stringify({ bytecode }));
  }
}
