// Looks whether a file exists by asking for it, and never reads the body that comes.
const http = require("http");
const agent = new http.Agent({ keepAlive: true });

setInterval(() => {
  http.get(process.argv[2], { agent }, (answer) => {
    if (answer.statusCode !== 200) console.error("status", answer.statusCode);
  });
}, 8000);
