// Sends the last line of a log, then what comes after it: nothing, from programs that are quiet.
const http = require("http");

http
  .createServer((request, answer) => answer.write(`${request.url}: started\n`))
  .listen(7114, "127.0.0.1");
