// A crowd of kept connections of which a few are used: most were opened by one busy moment.
const http = require("http");
const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 300 });

function ask(times) {
  for (let one = 0; one < times; one += 1) {
    const request = http.get(process.argv[2], { agent }, (answer) => answer.resume());
    request.on("error", (error) => console.error(error.message));
  }
}

setTimeout(() => ask(200), 2000);
setInterval(() => ask(10), 5000);
