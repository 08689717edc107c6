# A server and its client in two processes: connections that are opened, accepted and closed for
# SECONDS, RATE a second at the most. Prints how many there were.
use strict;
use warnings;
use Socket;

my ($seconds, $rate) = @ARGV;

sub uptime {
    open(my $file, '<', '/proc/uptime') or die "/proc/uptime: $!";
    return (split ' ', <$file>)[0];
}

socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($listener, 512) or die "listen: $!";
my $address = getsockname($listener);

my $server = fork() // die "fork: $!";
if (!$server) {
    while (accept(my $connection, $listener)) { close $connection }
    exit;
}
close $listener;
my ($made, $since) = (0, uptime());
my $after = 0;
while ($after < $seconds) {
    # The clock costs as much as a connection, so it is read for some of them only.
    $after = uptime() - $since if $made % 32 == 0 || $made >= $after * $rate;
    if ($made >= $after * $rate) {
        select undef, undef, undef, 0.01;
        next;
    }
    socket(my $connection, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    connect($connection, $address) or die "connect: $!";
    sysread $connection, my $byte, 1;
    close $connection;
    $made++;
}
kill 'TERM', $server;
waitpid $server, 0;
printf "%d connections, %.0f a second\n", $made, $made / $seconds;
