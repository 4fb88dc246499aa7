// Reads the AsyncAPI document of a running service with AsyncAPI's own parser: asyncapi.js URL. What it refers to is fetched, too.

const { Parser, fromURL } = require('@asyncapi/parser');

const WARNING = 1; // errors and warnings; what is only information, as that there is a newer version, is passed over

(async () => {
  const { document, diagnostics } = await fromURL(new Parser(), process.argv[2]).parse();
  const complaints = diagnostics.filter((diagnostic) => diagnostic.severity <= WARNING);
  for (const { message, path } of complaints) console.error(`${path.join('.')}: ${message}`);
  if (!document || complaints.length > 0) process.exit(1);
  console.log(document.channels().all().map((channel) => channel.id()).join(' '));
})();
