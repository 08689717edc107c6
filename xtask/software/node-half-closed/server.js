// Answers each line and ends its half of the connection; the rest is up to the peer.
const net = require("net");

net
  .createServer((socket) => {
    socket.on("data", () => socket.end("bye\n"));
    socket.on("error", () => {});
  })
  .listen(7113, "127.0.0.1");
