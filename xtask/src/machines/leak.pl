# A server that reads everything its clients send and never closes: each connection stays in
# CLOSE_WAIT. The clients are of the same process. Prints "ready" when all have ended.
use strict;
use warnings;
use Socket;

socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($listener, 64) or die "listen: $!";
my @kept;
for (1 .. 30) {
    socket(my $client, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    connect($client, getsockname($listener)) or die "connect: $!";
    accept(my $server, $listener) or die "accept: $!";
    syswrite $client, "request\n" or die "write: $!";
    close $client;
    1 while sysread $server, my $bytes, 64;
    push @kept, $server;
}
$| = 1;
print "ready\n";
sleep 3600;
